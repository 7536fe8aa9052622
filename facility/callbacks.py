"""Callbacks as the service tells of them: who wants to hear of what, and how telling it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SubscriptionState(StrEnum):
    """Whether a subscription still hears."""

    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"  # the receiver answered 410 Gone
    FINISHED = "finished"  # of one job, which has ended


class DeliveryState(StrEnum):
    """How far a delivery is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; can be sent again


@dataclass(frozen=True)
class Subscription:
    """Somebody wants to be told of something, at an address."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    filter: dict[str, str]
    state: SubscriptionState
    job_id: str  # of a per-job shortcut; else empty
    created: datetime
    since: datetime
    sequence: int  # of the last delivery; a gap in what arrives is something that was never stored
    dropped: int
    until: datetime | None = None  # of one job: it is told how that is at this time, if it has not ended before
    secret: str = field(default="", repr=False)  # given once: at creation and when it is replaced


@dataclass(frozen=True)
class Attempt:
    """One attempt at a delivery."""

    at: datetime
    status: int  # 0: there was no answer
    error: str  # in words; empty when it was delivered
    seconds: float


@dataclass(frozen=True)
class Delivery:
    """One event that is told to one subscription."""

    id: str  # the webhook-id
    callback: str
    owner: str
    event: str
    sequence: int
    state: DeliveryState
    attempts: int
    next_at: datetime
    last_status: int
    last_error: str
    created: datetime
    updated: datetime
    body: str = field(repr=False)
    log: tuple[Attempt, ...] = ()
