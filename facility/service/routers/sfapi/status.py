"""status: how the machine and what the service stands on are, and when the machine is away; for everybody."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from facility.service.parts import Parts
from facility.service.routers.sfapi.asking import ERRORS, PREFIX
from facility.service.routers.sfapi.models import Note, Outage, OutageState, State, Status
from facility.service.web.access import ServiceParts, public
from facility.status import Condition, Resource
from facility.status import Outage as StatusOutage

router = APIRouter(
    prefix=f"{PREFIX}/status", tags=["Superfacility status"], responses=ERRORS, dependencies=[Depends(public)]
)
Name = Annotated[str, Path(max_length=64)]

STATES: dict[Condition, State] = {
    Condition.UP: "active",
    Condition.DOWN: "degraded",
    Condition.DEGRADED: "degraded",
    Condition.UNKNOWN: "other",
}
GLOBUS, TRANSFERS = "globus", "operations"
"""What clients ask about before they start a transfer, and what carries transfers here."""


@router.get("")
async def everything(parts: ServiceParts) -> list[Status]:
    """Every resource: the machine under each of its names, and each part that the service stands on."""
    return [status_of(parts, name) for name in names(parts)]


@router.get("/notes")
async def all_notes(parts: ServiceParts) -> list[list[Note]]:
    """What there is to say about each resource."""
    return [notes_of(parts, name) for name in names(parts)]


@router.get("/notes/{name}")
async def notes(parts: ServiceParts, name: Name) -> list[Note]:
    """What there is to say about one resource."""
    return notes_of(parts, name)


@router.get("/outages")
async def all_outages(parts: ServiceParts) -> list[list[Outage]]:
    """The outages of each resource, planned ones too."""
    return [outages_of(parts, name) for name in names(parts)]


@router.get("/outages/planned")
async def all_planned(parts: ServiceParts) -> list[list[Outage]]:
    """The outages to come, of each resource."""
    return [planned(outages_of(parts, name)) for name in names(parts)]


@router.get("/outages/planned/{name}")
async def planned_outages(parts: ServiceParts, name: Name) -> list[Outage]:
    """The outages to come, of one resource."""
    return planned(outages_of(parts, name))


@router.get("/outages/{name}")
async def outages(parts: ServiceParts, name: Name) -> list[Outage]:
    """The outages of one resource, planned ones too."""
    return outages_of(parts, name)


@router.get("/{name}")
async def status(parts: ServiceParts, name: Name) -> Status:
    """How one resource is."""
    return status_of(parts, name)


def names(parts: Parts) -> list[str]:
    """Every name that can be asked about: the machine's, and those of whatever else is on the board."""
    machine = (parts.profile.system_name, *parts.profile.system.aliases)
    others = (resource.name for resource in parts.status.resources() if resource.name not in parts.profile.systems)
    return [*machine, *others, GLOBUS]


def find(parts: Parts, name: str) -> Resource:
    """The resource behind a name. Raises NotFound with the names there are."""
    if name in parts.profile.system.aliases:
        return parts.status.resource(parts.profile.system_name)
    return parts.status.resource(TRANSFERS if name == GLOBUS else name)


def status_of(parts: Parts, name: str) -> Status:
    """How it is, under the name that was asked for: clients go on with the one they are told. Raises NotFound."""
    found, now = find(parts, name), parts.clock.now()
    away = any(one.is_active(now) and one.state is Condition.DOWN for one in parts.status.outages(found.name))
    return Status(
        name=name,
        full_name=found.title,
        description=found.words or f"{found.title} is {found.state}",
        system_type="compute" if found.kind == "system" else found.kind,
        notes=[note.notes for note in notes_of(parts, name)],
        # clients send nothing to what is unavailable; while only the scheduler is down, files and tasks go on
        status="unavailable" if away else STATES[found.state],
        updated_at=found.since,
    )


def notes_of(parts: Parts, name: str) -> list[Note]:
    """What operators say about it, and why it is down."""
    found, now = find(parts, name), parts.clock.now()
    told = [
        Note(name=name, notes=note.text, active=note.is_active(now), timestamp=note.created)
        for note in parts.status.notes(found.name)
    ]
    if found.words:
        told.append(Note(name=name, notes=found.words, active=True, timestamp=found.since))
    return told


def outages_of(parts: Parts, name: str) -> list[Outage]:
    """Its outages, those that are over too, the first to begin first."""
    found, now = find(parts, name), parts.clock.now()
    return [outage_of(name, one, now) for one in parts.status.outages(found.name, past=True)]


def outage_of(name: str, found: StatusOutage, now: datetime) -> Outage:
    """An outage of the board under this name."""
    state: OutageState = "Completed" if found.is_over(now) else "Active" if found.is_active(now) else "Planned"
    if found.cancelled:
        state = "Cancelled"
    return Outage(
        name=name,
        start_at=found.starts,
        end_at=found.ends,
        description=found.description,
        notes="" if found.state is Condition.DOWN else f"it is {found.state} during this time",
        status=state,
        swo="" if found.resource else "everything",
        update_at=now,
    )


def planned(found: list[Outage]) -> list[Outage]:
    """Those to come."""
    return [outage for outage in found if outage.status == "Planned"]
