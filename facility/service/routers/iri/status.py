"""status: resources, incidents and events. For everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from facility.errors import NotFound
from facility.service.routers.iri.board import Board
from facility.service.routers.iri.models import Event, Incident, IncidentType, Named, Resolution, Resource, Status
from facility.service.routers.iri.query import Time, Word, page
from facility.service.routers.iri.version import Api, TheApi
from facility.service.web.access import ServiceParts

router = APIRouter(prefix="/status", tags=["iri status"])
events_of_an_incident = APIRouter(prefix="/status", tags=["iri status"])
"""Where clients of version 1 look for events."""

T = TypeVar("T", bound=Named)
Test = Callable[[T], bool]


async def look(api: TheApi, parts: ServiceParts) -> Board:
    """The board of this moment."""
    return Board(api, parts)


TheBoard = Annotated[Board, Depends(look)]


class Sought(BaseModel):
    """Filters of every list: exact names, parts of descriptions."""

    model_config = ConfigDict(extra="ignore")  # `known_parameters` refuses what is unknown, with better words

    name: Word | None = None
    description: Word | None = None
    modified_since: Time | None = None
    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=0, le=1000)] = 100

    def find(self, found: Iterable[T], *tests: Test[T]) -> list[T]:
        """The page of what fits."""
        fitting = [item for item in found if self._fits(item) and all(test(item) for test in tests)]
        return page(fitting, self.offset, self.limit)

    def _fits(self, item: Named) -> bool:
        return (
            self.name in (None, item.name)
            and (self.description is None or self.description in (item.description or ""))
            and (self.modified_since is None or item.last_modified >= self.modified_since)
        )


class SoughtResources(Sought):
    """Filters of resources. A type finds its own and every more special one."""

    group: Word | None = None
    resource_type: Word | None = None
    current_status: Status | None = None
    capability: list[Word] = []


class SoughtTime(Sought):
    """Filters of what has a time: from (inclusive), to (exclusive), or exactly at a time."""

    status: Status | None = None
    resource_id: Word | None = None
    begin: Time | None = Field(None, alias="from")
    to: Time | None = None
    time: Time | None = None


class SoughtIncidents(SoughtTime):
    """Filters of incidents."""

    type: IncidentType | None = None
    resolution: Resolution | None = None


class SoughtEvents(SoughtTime):
    """Filters of events."""

    incident_id: Word | None = None


@router.get("/resources", name="getResources")
async def get_resources(board: TheBoard, api: TheApi, sought: Annotated[SoughtResources, Query()]) -> list[Resource]:
    """The resources that fit."""
    kind = sought.resource_type
    units = {api.unit(counted) for counted in api.counted}
    return sought.find(
        board.resources,
        lambda found: sought.group in (None, found.group),
        lambda found: kind is None or f"{found.resource_type}:".startswith(f"{kind}:"),
        lambda found: sought.current_status in (None, found.current_status),
        lambda found: not sought.capability or bool(found.capability_uris and units & set(sought.capability)),
    )


@router.get("/resources/{resource_id}", name="getResource")
async def get_resource(board: TheBoard, resource_id: str) -> Resource:
    """One resource, by its id or its name."""
    for found in board.resources:
        if resource_id in (found.id, found.name):
            return found
    raise NotFound(f"there is no resource {resource_id[:80]!r}; GET /status/resources lists them")


@router.get("/incidents", name="getIncidents")
async def get_incidents(board: TheBoard, api: TheApi, sought: Annotated[SoughtIncidents, Query()]) -> list[Incident]:
    """The incidents that fit; `time` finds those that last then."""
    return sought.find(
        board.incidents,
        lambda found: sought.status in (None, found.status),
        lambda found: sought.type in (None, found.type),
        lambda found: sought.resolution in (None, found.resolution),
        lambda found: sought.resource_id is None or _resource(api, sought.resource_id) in found.resource_uris,
        lambda found: sought.begin is None or found.start >= sought.begin,
        lambda found: sought.to is None or (found.end is not None and found.end < sought.to),
        lambda found: sought.time is None or lasts(found, sought.time),
    )


@router.get("/incidents/{incident_id}", name="getIncident")
async def get_incident(board: TheBoard, incident_id: str) -> Incident:
    """One incident."""
    return _one(board.incidents, incident_id, "incident")


@router.get("/events", name="getEventsByIncident")
async def get_events(board: TheBoard, api: TheApi, sought: Annotated[SoughtEvents, Query()]) -> list[Event]:
    """The events that fit."""
    incident = api.uri("status", "incidents", sought.incident_id) if sought.incident_id else None
    return sought.find(
        board.events,
        lambda found: incident in (None, found.incident_uri),
        lambda found: sought.status in (None, found.status),
        lambda found: sought.resource_id is None or found.resource_uri == _resource(api, sought.resource_id),
        lambda found: sought.begin is None or found.occurred_at >= sought.begin,
        lambda found: sought.to is None or found.occurred_at < sought.to,
        lambda found: sought.time in (None, found.occurred_at),
    )


@router.get("/events/{event_id}", name="getEventByIncident")
async def get_event(board: TheBoard, event_id: str) -> Event:
    """One event."""
    return _one(board.events, event_id, "event")


@events_of_an_incident.get("/incidents/{incident_id}/events", name="getEventsOfIncident")
async def get_events_of_incident(
    board: TheBoard, api: TheApi, incident_id: str, sought: Annotated[SoughtTime, Query()]
) -> list[Event]:
    """The events of one incident that fit."""
    _one(board.incidents, incident_id, "incident")
    return await get_events(board, api, SoughtEvents(**sought.model_dump(by_alias=True), incident_id=incident_id))


@events_of_an_incident.get("/incidents/{incident_id}/events/{event_id}", name="getEventOfIncident")
async def get_event_of_incident(board: TheBoard, api: TheApi, incident_id: str, event_id: str) -> Event:
    """One event of an incident."""
    found = _one(board.events, event_id, "event")
    if found.incident_uri != api.uri("status", "incidents", incident_id):
        raise NotFound(f"the incident {incident_id[:80]!r} has no event {event_id[:80]!r}")
    return found


def lasts(incident: Incident, moment: datetime) -> bool:
    """Whether the incident had begun and not ended at that time."""
    return incident.start <= moment and (incident.end is None or incident.end > moment)


def _resource(api: Api, resource_id: str) -> str:
    return api.uri("status", "resources", resource_id)


def _one(found: Iterable[T], wanted: str, what: str) -> T:
    for item in found:
        if item.id == wanted:
            return item
    raise NotFound(f"there is no {what} {wanted[:80]!r}")
