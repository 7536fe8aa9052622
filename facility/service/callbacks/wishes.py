"""What a subscription wants, and reading such wishes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from facility.callbacks import Subscription, SubscriptionState
from facility.errors import OptionError
from facility.service.events.happenings import EVENTS, Happening

FILTERS = ("job_id", "name", "account", "partition", "qos", "reservation", "resource", "transfer_id")
"""Keys by which a subscription may narrow what it hears; each must equal the same fact of the event."""

NAMED_IN = {"job_id": "id", "resource": "name", "transfer_id": "id"}
"""Filters whose fact has another name in the event's data."""

MAIL = "mailto:"


def listens(subscription: Subscription, event: str, at: datetime) -> bool:
    """Whether such an event of that time may be wanted, before it is looked at more closely.

    A job's own times are whole seconds, hence the second of grace.
    """
    if subscription.state is not SubscriptionState.ACTIVE or at < subscription.since - timedelta(seconds=1):
        return False
    return any(_covers(pattern, event) for pattern in subscription.events)


def wants(subscription: Subscription, happening: Happening) -> bool:
    """Whether this happening is to be told."""
    if not happening.concerns(subscription.owner) or not listens(subscription, happening.event, happening.at):
        return False
    wanted = [(NAMED_IN.get(key, key), value) for key, value in subscription.filter.items()]
    if subscription.job_id:
        wanted.append(("id", subscription.job_id))
    return all(str(happening.data.get(key, "")) == value for key, value in wanted)


def read_events(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The patterns of a subscription: events, or TOPIC.* for all of a topic. Raises OptionError naming a wrong one."""
    for pattern in wanted:
        if not any(_covers(pattern, event) for event in EVENTS):
            raise OptionError("events", f"{pattern!r} is none of {', '.join(EVENTS)}, nor TOPIC.*")
    if not wanted:
        raise OptionError("events", f"name at least one of {', '.join(EVENTS)}")
    return tuple(dict.fromkeys(wanted))


def read_filter(wanted: Mapping[str, str]) -> dict[str, str]:
    """The filter of a subscription. Raises OptionError naming a wrong key."""
    for key, value in wanted.items():
        if key not in FILTERS or not value or len(value) > 256:
            raise OptionError("filter", f"{key[:40]!r} is none of {', '.join(FILTERS)}, or its value is empty or long")
    return dict(wanted)


def _covers(pattern: str, event: str) -> bool:
    return pattern == event or (pattern.endswith(".*") and event.startswith(pattern[:-1]))
