"""health: resources, outages and notes. For everybody to read; operators announce."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from facility.service.caller import Caller
from facility.service.web.access import ServiceParts, needs, public
from facility.status import Board, Condition
from facility.wire import encode

router = APIRouter(prefix="/health", tags=["health"])

OPEN = [Depends(public)]
Manager = Annotated[Caller, Depends(needs("status:manage"))]
Name = Annotated[str, Path(max_length=64)]
About = Annotated[str, Query(max_length=64, description="a resource; without it everything")]
Past = Annotated[bool, Query(description="also what is over")]
Id = Annotated[str, Path(max_length=64)]


class NewOutage(BaseModel):
    """An outage to announce."""

    model_config = ConfigDict(extra="forbid")

    resource: str = Field("", max_length=64)  # empty: the whole facility
    starts: AwareDatetime | None = None  # None: now
    ends: AwareDatetime | None = None
    description: str = Field(min_length=1, max_length=2000)
    state: Literal["down", "degraded"] = "down"


class NewNote(BaseModel):
    """A note to post."""

    model_config = ConfigDict(extra="forbid")

    resource: str = Field("", max_length=64)  # empty: the whole facility
    text: str = Field(min_length=1, max_length=2000)
    until: AwareDatetime | None = None


@router.get("/board", dependencies=OPEN)
async def board(parts: ServiceParts) -> JSONResponse:
    """Resources, outages that are or will be, and notes, in one answer: what a hub shows to many, asked for once."""
    now, taken, status = parts.clock.now(), parts.ledger.taken, parts.status
    age = (now - taken).total_seconds() if taken else None
    return JSONResponse(encode(Board(now, age, status.resources(), status.outages(), status.notes())))


@router.get("/resources", dependencies=OPEN)
async def resources(parts: ServiceParts) -> JSONResponse:
    """How everything is that people depend on, with since-when."""
    return JSONResponse({"resources": encode(parts.status.resources())})


@router.get("/resources/{name}", dependencies=OPEN)
async def resource(parts: ServiceParts, name: Name) -> JSONResponse:
    """How one resource is."""
    return JSONResponse(encode(parts.status.resource(name)))


@router.get("/outages", dependencies=OPEN)
async def outages(parts: ServiceParts, resource: About = "", past: Past = False) -> JSONResponse:
    """Outages that are or will be: Slurm's maintenance, the operator's file, and what operators announced."""
    return JSONResponse({"outages": encode(parts.status.outages(resource, past=past))})


@router.post("/outages", status_code=201)
async def announce(parts: ServiceParts, manager: Manager, new: NewOutage) -> JSONResponse:
    """Announce an outage; one that begins now makes the resource down at once."""
    starts: datetime = new.starts or parts.clock.now()
    outage = await parts.status.post_outage(
        manager.user, new.resource, starts, new.ends, new.description, state=Condition(new.state)
    )
    return JSONResponse(encode(outage), 201)


@router.delete("/outages/{outage_id}")
async def end(parts: ServiceParts, manager: Manager, outage_id: Id) -> JSONResponse:
    """End an outage that has begun, cancel one that has not."""
    return JSONResponse(encode(await parts.status.end_outage(manager.user, outage_id)))


@router.get("/notes", dependencies=OPEN)
async def notes(parts: ServiceParts, resource: About = "", past: Past = False) -> JSONResponse:
    """What operators say, the newest first."""
    return JSONResponse({"notes": encode(parts.status.notes(resource, past=past))})


@router.post("/notes", status_code=201)
async def post(parts: ServiceParts, manager: Manager, new: NewNote) -> JSONResponse:
    """Say something about a resource."""
    return JSONResponse(encode(await parts.status.post_note(manager.user, new.resource, new.text, new.until)), 201)


@router.delete("/notes/{note_id}", status_code=204)
async def take_back(parts: ServiceParts, manager: Manager, note_id: Id) -> Response:
    """Take a note back."""
    await parts.status.remove_note(manager.user, note_id)
    return Response(status_code=204)
