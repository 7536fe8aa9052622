"""What there is and how it is, as IRI's objects: a view over the status board."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from facility.errors import NotFound
from facility.service.parts import Parts
from facility.service.routers.iri.models import Event, Incident, IncidentType, Resolution, Resource, Status
from facility.service.routers.iri.version import Api
from facility.status import Condition, Outage
from facility.status import Resource as Known

SYSTEM = "system"
KINDS = frozenset({SYSTEM, "service"})
"""What of the board are resources here: machines, and parts of the service. Queues are told by the scheduler."""

ENDPOINTS = ["compute", "filesystem"]


def resource_id(api: Api, name: str) -> str:
    """The id of what the board calls `name`."""
    return api.identifier("resource", name)


def resource_uri(api: Api, name: str) -> str:
    """Its address."""
    return api.uri("status", "resources", resource_id(api, name))


def capability_id(api: Api, system: str) -> str:
    """The id of the time on a system's nodes."""
    return api.identifier("capability", system)


def capability_uri(api: Api, system: str) -> str:
    """The address of the time on a system's nodes."""
    return api.uri("account", "capabilities", capability_id(api, system))


def check_resource(api: Api, parts: Parts, wanted: str) -> None:
    """Whether this is the system that is served here, by its id or its name. Raises NotFound."""
    system = parts.profile.system_name
    if wanted not in (resource_id(api, system), system):
        raise NotFound(f"there is no resource {wanted[:80]!r}; GET {api.uri('status', 'resources')} lists them")


class Board:
    """One look at everything."""

    def __init__(self, api: Api, parts: Parts) -> None:
        self._api = api
        self._served = parts.profile.system_name
        self._now = parts.clock.now()
        self._known = [one for one in parts.status.resources() if one.kind in KINDS]
        self._outages = parts.status.outages(past=True)

    @property
    def resources(self) -> list[Resource]:
        """The systems, then the parts of the service."""
        return [self._resource(known) for known in self._known]

    @property
    def incidents(self) -> list[Incident]:
        """Outages that were, are, or are announced, and what is down without one; the first to begin first."""
        found = [*map(self._incident, self._outages), *map(self._failure, self._failing())]
        return sorted(found, key=lambda one: (one.start, one.id))

    @property
    def events(self) -> list[Event]:
        """When incidents began and ended, and since when everything else is as it is; the first first."""
        return sorted(self._events(), key=lambda event: (event.occurred_at, event.id))

    def _resource(self, known: Known) -> Resource:
        api, is_system = self._api, known.kind == SYSTEM
        return Resource(
            id=resource_id(api, known.name),
            name=known.name,
            description=known.words or known.title,
            last_modified=known.since,
            self_uri=resource_uri(api, known.name),
            group=known.name if is_system else "service",
            current_status=Status(known.state),
            resource_type=api.compute_type if is_system else api.service_type,
            supported_endpoints=ENDPOINTS if known.name == self._served else [],
            site_uri=api.uri("facility", "sites", api.identifier("site", api.facility_name)),
            capability_uris=[capability_uri(api, known.name)] if known.name == self._served else [],
        )

    def _incident(self, outage: Outage) -> Incident:
        incident_id = self._api.identifier("incident", outage.id)
        return Incident(
            id=incident_id,
            name=outage.description[:120] or outage.id,
            description=outage.description,
            last_modified=max((m for m in (outage.starts, outage.ends) if m and m <= self._now), default=self._now),
            self_uri=self._incident_uri(outage.id),
            status=Status(outage.state),
            start=outage.starts,
            end=outage.ends,
            type=IncidentType.PLANNED if outage.planned else IncidentType.UNPLANNED,
            resolution=self._resolution(outage),
            event_uris=[event.self_uri for event in self._events_of(outage)],
            resource_uris=[resource_uri(self._api, one.name) for one in self._concerned(outage)],
        )

    def _failing(self) -> list[Known]:
        """What is down though nobody announced it."""
        announced = {
            one.name for outage in self._outages if outage.is_active(self._now) for one in self._concerned(outage)
        }
        return [one for one in self._known if one.state is Condition.DOWN and one.name not in announced]

    def _failure(self, known: Known) -> Incident:
        key = self._failure_key(known)
        return Incident(
            id=self._api.identifier("incident", key),
            name=f"{known.name} is down",
            description=known.words,
            last_modified=known.since,
            self_uri=self._incident_uri(key),
            status=Status.DOWN,
            start=known.since,
            type=IncidentType.UNPLANNED,
            resolution=Resolution.UNRESOLVED,
            event_uris=[self._event(known.name, known.since, Status.DOWN, known.words, key).self_uri],
            resource_uris=[resource_uri(self._api, known.name)],
        )

    def _resolution(self, outage: Outage) -> Resolution:
        if outage.cancelled:
            return Resolution.CANCELLED
        if outage.is_over(self._now):
            return Resolution.COMPLETED
        return Resolution.UNRESOLVED if outage.is_active(self._now) else Resolution.PENDING

    def _events(self) -> Iterator[Event]:
        for outage in self._outages:
            yield from self._events_of(outage)
        failing = {known.name for known in self._failing()}
        for known in self._known:
            key = self._failure_key(known) if known.name in failing else ""
            yield self._event(known.name, known.since, Status(known.state), known.words, key)

    def _events_of(self, outage: Outage) -> Iterator[Event]:
        if outage.cancelled or outage.starts > self._now:
            return
        for known in self._concerned(outage):
            yield self._event(known.name, outage.starts, Status(outage.state), outage.description, outage.id)
            if outage.ends and outage.ends <= self._now:
                yield self._event(known.name, outage.ends, Status.UP, f"over: {outage.description}", outage.id)

    def _event(self, name: str, at: datetime, status: Status, words: str, incident: str) -> Event:
        event_id = self._api.identifier("event", f"{name}/{status}/{at.isoformat()}/{incident}")
        return Event(
            id=event_id,
            name=f"{name} is {status}",
            description=words,
            last_modified=at,
            self_uri=self._api.uri("status", "events", event_id),
            occurred_at=at,
            status=status,
            resource_uri=resource_uri(self._api, name),
            incident_uri=self._incident_uri(incident) if incident else None,
        )

    def _concerned(self, outage: Outage) -> list[Known]:
        return [known for known in self._known if known.kind == SYSTEM and outage.concerns(known.name)]

    def _incident_uri(self, key: str) -> str:
        return self._api.uri("status", "incidents", self._api.identifier("incident", key))

    @staticmethod
    def _failure_key(known: Known) -> str:
        return f"{known.name}/down/{known.since.isoformat()}"
