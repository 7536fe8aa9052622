"""How a facility is: its resources, outages planned and not, and what operators say about them. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Condition(StrEnum):
    """How a resource is."""

    UP = "up"
    DEGRADED = "degraded"  # it works in part
    DOWN = "down"
    UNKNOWN = "unknown"  # it has not been asked yet


@dataclass(frozen=True)
class Resource:
    """Something people depend on."""

    name: str  # e.g. "perlmutter", "partition:main", "accounting"
    title: str
    kind: str  # "system", "partition", "queue" or "service"
    state: Condition
    since: datetime
    words: str = ""  # why it is not simply up
    figures: dict[str, int] = field(default_factory=dict)  # e.g. {"nodes": 8, "idle": 3}


@dataclass(frozen=True)
class Outage:
    """A time in which a resource does not work, or works in part."""

    id: str
    resource: str  # empty: the whole facility
    starts: datetime
    ends: datetime | None  # None: nobody knows yet
    description: str
    state: Condition  # what the resource is meanwhile: down or degraded
    planned: bool
    source: str  # "reservation" (a Slurm reservation with the flag MAINT), "file" or "operator"
    by: str = ""  # the operator who announced it
    cancelled: bool = False

    def is_active(self, now: datetime) -> bool:
        """Whether it is now."""
        return not self.cancelled and self.starts <= now and (self.ends is None or now < self.ends)

    def is_over(self, now: datetime) -> bool:
        """Whether it is in the past, or will not be."""
        return self.cancelled or (self.ends is not None and self.ends <= now)

    def concerns(self, resource: str) -> bool:
        """Whether it is about that resource; one of the whole facility is about each."""
        return self.resource in {"", resource}


@dataclass(frozen=True)
class Note:
    """What an operator says about a resource."""

    id: str
    resource: str  # empty: the whole facility
    text: str
    created: datetime
    by: str
    until: datetime | None = None  # None: until it is removed

    def is_active(self, now: datetime) -> bool:
        """Whether it still holds."""
        return self.until is None or now < self.until


@dataclass(frozen=True)
class Board:
    """All of it at one moment, for whoever shows it to many."""

    now: datetime
    poll_age: float | None  # seconds since the last complete look at the queue; None before the first
    resources: tuple[Resource, ...]
    outages: tuple[Outage, ...]  # that are or will be
    notes: tuple[Note, ...]
