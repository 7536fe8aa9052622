"""What every verb of the client needs: a signed question, its answer as JSON, and errors from `facility.errors`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

import httpx

from facility.bearer import Bearer, TokenSource, error_of
from facility.errors import FacilityError, SubmitRefused, Unreadable
from facility.exchange import Exchange, Patience, Question
from facility.sse import Event, read_events
from facility.wire import decode

SILENCE = 45.0  # seconds without an event or heartbeat after which an event stream counts as broken
LARGEST_FACTS = 5 * 2**20  # bytes of an answer about accounts, reservations, images or health
T = TypeVar("T")

Query = Mapping[str, str | list[str]]


class Asking:
    """One facility service as seen by the owner of a token; the verbs are in the classes that inherit this.

    Parameters
    ----------
    base_url : e.g. "http://127.0.0.1:8400".
    token : gives a bearer token whenever one is needed.
    patience : time limits and repetitions.
    transport : another way to reach the service, e.g. httpx.ASGITransport for one in this process.
    find_identity : tells where identity answers, asked when that is needed (None: it answers at `base_url`).
    """

    def __init__(
        self,
        base_url: str,
        token: TokenSource,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        find_identity: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self._base_url = base_url
        self._token = token
        self._bearer = Bearer(token)
        self._exchange = Exchange(base_url, patience, transport)
        self._find_identity = find_identity
        self._elsewhere = partial(Exchange, patience=patience, transport=transport)
        self._identity: Exchange | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()
        if self._identity:
            await self._identity.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    async def _ask(self, question: Question, *, signed: bool = True) -> httpx.Response:
        sign, renew = (self._bearer.sign, self._bearer.renew) if signed else (None, None)
        return await self._exchange.ask(question, sign, renew)

    async def _of_identity(self, method: str, path: str, query: Query | None = None, *, body: object = None) -> object:
        """Ask identity, which may answer elsewhere than the service does."""
        if self._find_identity and self._identity is None:
            await self._token()  # without credentials there is nothing to look for
            self._identity = self._elsewhere(await self._find_identity())
        exchange = self._identity or self._exchange
        return read_json(
            await exchange.ask(Question(method, path, query or {}, body), self._bearer.sign, self._bearer.renew)
        )

    @asynccontextmanager
    async def _events(self, path: str, query: Query, last_id: str) -> AsyncIterator[AsyncIterator[Event]]:
        """A stream of events, from `last_id` on where the service still knows it. Raises Unreachable when it breaks."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        question = Question("GET", path, query, headers=headers)
        async with self._exchange.stream(question, self._bearer.sign, SILENCE) as reply:
            if reply.is_error:
                await reply.aread()
                read_json(reply)
            yield read_events(reply.aiter_lines())

    async def _json(
        self, method: str, path: str, query: Query | None = None, *, body: object = None, signed: bool = True
    ) -> object:
        return read_json(await self._ask(Question(method, path, query or {}, body), signed=signed))

    async def _facts(self, path: str, query: Query | None = None, *, signed: bool = True) -> object:
        """What a form is drawn from: short, so that a service gone mad cannot fill the memory of whoever asks."""
        return read_json(await self._ask(Question("GET", path, query or {}, largest=LARGEST_FACTS), signed=signed))


def about(user: str) -> dict[str, str]:
    """The query that asks about somebody; empty: about the token's owner."""
    return {"user": user} if user else {}


def read_json(reply: httpx.Response) -> object:
    """The JSON of an answer, or the error it tells of."""
    try:
        found: object = reply.json() if reply.content else {}
    except ValueError as error:
        raise Unreadable(f"{reply.request.url} answered {reply.status_code} without JSON", reply.text) from error
    if reply.is_error:
        raise refusal(reply, found)
    return found


def listed(kind: type[T], found: object, under: str) -> tuple[T, ...]:
    """The records that an answer holds under a name."""
    rows = found.get(under) if isinstance(found, dict) else None
    if not isinstance(rows, list):
        raise Unreadable(f"the answer holds no {under}", str(found))
    return tuple(decode(kind, row) for row in rows)


def read_bytes(reply: httpx.Response) -> bytes:
    """The contents of an answer, or the error it tells of."""
    if reply.is_error:
        read_json(reply)
    return reply.content


SCHEDULER_SAYS = "the scheduler refused"
"""How the words of a SubmitRefused begin (`facility.providers.slurm.sbatch`)."""


def refusal(reply: httpx.Response, found: object) -> FacilityError:
    """The error that an answer tells of, with the service's own words and its next step."""
    told = found.get("error") if isinstance(found, dict) else None
    parts = [str(told.get(part, "")) for part in ("what", "next")] if isinstance(told, dict) else []
    words = "; ".join(part for part in parts if part) or f"{reply.request.url} answered {reply.status_code}"
    if reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY and words.startswith(SCHEDULER_SAYS):
        return SubmitRefused(words)
    return error_of(reply, words)
