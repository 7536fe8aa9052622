"""Reservations that people ask for, as the service tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BookingState(StrEnum):
    """How far a request for a reservation is."""

    ASKED = "asked"  # waits for the staff's word
    APPROVED = "approved"  # being made in Slurm
    MADE = "made"
    REFUSED = "refused"  # by the staff
    WITHDRAWN = "withdrawn"  # by who asked
    FAILED = "failed"  # Slurm refused; the staff may approve it again
    RELEASED = "released"  # ended before its time
    ENDED = "ended"


@dataclass(frozen=True)
class BookingWish:
    """What is asked for."""

    starts: datetime
    ends: datetime
    nodes: int
    purpose: str
    account: str = ""  # whose jobs may run inside; empty: `users` says it
    users: tuple[str, ...] = ()  # who may run inside; none: everybody of `account`
    partition: str = ""  # empty: Slurm's default
    features: str = ""  # of the nodes; empty: any


@dataclass(frozen=True)
class BookingChange:
    """A change of a reservation that waits for the staff's word, or is being made."""

    asked_by: str
    ends: datetime | None = None  # another end
    nodes: int | None = None  # another number of nodes
    release: bool = False
    approved: bool = False
    problem: str = ""  # Slurm's words where it refused


@dataclass(frozen=True)
class BookingAct:
    """Who did what, in the order of doing: the audit trail."""

    at: datetime
    who: str
    act: str
    words: str


@dataclass(frozen=True)
class Booking:
    """A request for a reservation, and what became of it."""

    id: str
    owner: str
    state: BookingState
    wish: BookingWish
    reservation: str  # the name in Slurm, also before it is there
    decided_by: str  # the operator; empty before
    word: str  # the operator's, or Slurm's where it refused
    change: BookingChange | None  # None: nothing is to be changed
    created: datetime
    updated: datetime
    acts: tuple[BookingAct, ...] = ()


@dataclass(frozen=True)
class CalendarFeed:
    """A private address of one's calendar; whoever knows it reads it, until it is removed."""

    id: str
    created: datetime
    url: str = ""  # given once, when it is made
