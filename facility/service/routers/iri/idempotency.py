"""Idempotency-Key on submitting and changing jobs: the same request again gives the same answer, and one job.

Source: draft-ietf-httpapi-idempotency-key-header-07. Keys are kept with the operation, in the database, for 30 days.
"""

from __future__ import annotations

from fastapi import HTTPException, Response

from facility.errors import Refused, SubmitRefused, Unreachable
from facility.service.operations.service import Operation, OperationState
from facility.service.parts import Parts

ANSWERED_IN = 25.0
"""Seconds that a request waits for the scheduler."""

REPLY = "Idempotency-Key-Reply"


def key_of(what: str, header: str) -> str:
    """The key as it is stored: of IRI alone, and of one act. With or without the quotes of a structured field."""
    plain = header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header
    return f"iri:{what}:{plain}" if plain else ""


async def outcome(parts: Parts, stored: Operation, response: Response) -> Operation:
    """The completed operation; `response` tells whether it is a replay.

    Raises HTTPException 409 for a replay of what is under way, SubmitRefused with the scheduler's words, and
    Unreachable where the scheduler does not answer in time.
    """
    if stored.is_replay and not stored.state.is_final:
        detail = "the first request with this Idempotency-Key is under way; ask again in a moment"
        raise HTTPException(409, detail, {"Retry-After": "2"})
    done = await parts.operations.wait(stored.id, ANSWERED_IN, stored.owner)
    if done.state is OperationState.COMPLETED:
        if stored.key:
            response.headers[REPLY] = "hit" if stored.is_replay else "miss"
        return done
    if done.state is OperationState.FAILED:
        raise SubmitRefused(done.error)
    if done.state is OperationState.CANCELLED:
        raise Refused("it was cancelled; ask with a new Idempotency-Key to have it done")
    raise await _late(parts, done)


async def _late(parts: Parts, late: Operation) -> Unreachable:
    """What to say of something that is still tried; without a key it is given up, since nobody could ask for it."""
    if late.key:
        return Unreachable("the scheduler has not answered yet; it is tried again: ask again with the same key")
    if not late.result:
        await parts.operations.cancel(late.id, late.owner)
        return Unreachable(f"the scheduler does not answer, and nothing was done; {late.error or 'try again later'}")
    return Unreachable("the scheduler did not confirm it and may have done it; look at your jobs before you try again")
