"""jobs: what the one poller sees, and cancelling one's own."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.errors import NotAllowed, NotFound, Unreachable
from facility.models import Job
from facility.service.accounts.people import check_person
from facility.service.caller import Caller
from facility.service.parts import Parts
from facility.service.scopes import HUB
from facility.service.web.access import Audience, ServiceParts, needs
from facility.service.web.streams import EventStream
from facility.wire import encode

router = APIRouter(prefix="/jobs", tags=["jobs"])

Reader = Annotated[Caller, Depends(needs("jobs", HUB))]
JobId = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,9}(?:[_+][0-9]{1,9})?$")]


class Hint(BaseModel):
    """Something happened to a job."""

    model_config = ConfigDict(extra="forbid")

    job_id: str = Field(pattern=r"^[1-9][0-9]{0,9}(?:[_+][0-9]{1,9})?$")


@router.get("")
async def jobs(
    parts: ServiceParts, _: Reader, audience: Audience, if_none_match: Annotated[str, Header()] = ""
) -> Response:
    """The jobs of one user (for the hub: of everybody) at the last look at the queue; ETag and 304 as usual."""
    snapshot = parts.ledger.snapshot(audience)
    if snapshot is None:
        raise Unreachable("the scheduler has not answered since the service started; the queue is not known yet")
    tag = f'"{audience}-{parts.ledger.version_of(audience)}"'
    headers = {"ETag": tag, "Beamside-Taken": snapshot.taken.isoformat()}
    if if_none_match == tag:
        return Response(status_code=304, headers=headers)
    return JSONResponse(encode(snapshot), headers=headers)


@router.get("/events", response_class=EventStream, status_code=200)  # else FastAPI asks its signature
async def events(
    parts: ServiceParts,
    caller: Reader,
    audience: Audience,
    last_event_id: Annotated[str, Header()] = "",
) -> EventStream:
    """The snapshot, then every change as it comes (server-sent events), until the token ends.

    Events: snapshot (JobSnapshot), change (JobChange; its id is the version), polled ({"taken"}: nothing else changed),
    resync (a snapshot follows, because this listener fell behind).
    """
    seconds = max((caller.expires - parts.clock.now()).total_seconds(), 0.0)
    return EventStream(partial(parts.broadcast.stream, audience, last_event_id, seconds))


@router.post("/hints", status_code=202)
async def hint(parts: ServiceParts, _: Reader, found: Hint) -> JSONResponse:
    """Say that something happened to a job: the scheduler is asked about it soon."""
    parts.poller.hint(found.job_id)
    return JSONResponse({"job_id": found.job_id}, 202)


@router.get("/{job_id}")
async def job(parts: ServiceParts, caller: Reader, job_id: JobId) -> JSONResponse:
    """One job; where the last look at the queue lacks it, the scheduler is asked."""
    return JSONResponse(encode(await _visible(parts, caller, job_id)))


@router.delete("/{job_id}")
async def cancel(
    parts: ServiceParts, caller: Annotated[Caller, Depends(needs("jobs:submit"))], job_id: JobId
) -> JSONResponse:
    """End one's own job, as its owner; one that has ended is no error."""
    found = await _visible(parts, caller, job_id)
    if found.user != caller.user:
        raise NotAllowed(f"job {job_id} belongs to {found.user}; only its owner may cancel it")
    check_person(caller.user, parts.profile)
    if not found.state.is_final:
        await parts.slurm_for(caller.mandate).cancel(job_id, user=caller.user)
        parts.poller.hint(job_id)
    return JSONResponse({"job_id": job_id})


async def _visible(parts: Parts, caller: Caller, job_id: str) -> Job:
    """The job, if this caller may see it; somebody else's and none at all read the same."""
    found = parts.ledger.job(job_id) or await parts.poller.look(job_id)
    if found.user == caller.user or caller.is_hub or await parts.facts.is_operator(caller.user):
        return found
    raise NotFound(f"the scheduler knows no job {job_id}")
