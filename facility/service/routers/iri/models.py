"""What the groups facility, status and account answer: the objects of the published description, with its field names.

Each object has its own address (`self_uri`), and names others by theirs.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel


class Status(StrEnum):
    """How a resource is."""

    UP = "up"
    DOWN = "down"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"


class IncidentType(StrEnum):
    """What kind of trouble it is."""

    PLANNED = "planned"
    UNPLANNED = "unplanned"
    RESERVATION = "reservation"


class Resolution(StrEnum):
    """How far an incident is."""

    UNRESOLVED = "unresolved"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    EXTENDED = "extended"
    PENDING = "pending"


class Named(BaseModel):
    """What every object tells."""

    id: str
    name: str | None = None
    description: str | None = None
    last_modified: datetime
    self_uri: str


class Facility(Named):
    """The whole facility."""

    short_name: str | None = None
    organization_name: str | None = None
    support_uri: str | None = None
    site_uris: list[str]


class Site(Named):
    """Where resources stand."""

    short_name: str | None = None
    operating_organization: str | None
    resource_uris: list[str]


class Resource(Named):
    """A system that can be used."""

    group: str | None = None
    current_status: Status | None = None
    resource_type: str
    supported_endpoints: list[str] = []
    site_uri: str
    capability_uris: list[str]


class Incident(Named):
    """Trouble with resources: now, in the past, or announced."""

    status: Status
    start: datetime
    end: datetime | None = None
    type: IncidentType
    resolution: Resolution
    event_uris: list[str]
    resource_uris: list[str]


class Event(Named):
    """A resource came to be as it is told here."""

    occurred_at: datetime
    status: Status
    resource_uri: str
    incident_uri: str | None


class Capability(Named):
    """What of a resource is allocated."""

    units: list[str]


class AllocationEntry(BaseModel):
    """What was given and what is used of it, in one unit."""

    allocation: float
    usage: float
    unit: str


class Project(BaseModel):
    """An account that is charged, and its members."""

    id: str
    name: str
    description: str
    user_ids: list[str]
    last_modified: datetime
    self_uri: str


class ProjectAllocation(BaseModel):
    """What a project was given of a capability."""

    id: str
    entries: list[AllocationEntry]
    project_uri: str
    capability_uri: str


class UserAllocation(BaseModel):
    """What one member was given of that."""

    id: str
    user_id: str
    entries: list[AllocationEntry]
    project_allocation_uri: str
