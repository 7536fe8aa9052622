"""Callbacks that are made at a time at the latest: when it comes, they tell how the job is then, and end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from facility.callbacks import Subscription
from facility.models import Job
from facility.service.events.happenings import Happening, job_data, job_event

STILL = "job.running"
"""The event of a job that is neither waiting nor ended, whatever its state."""


def overdue(
    subscriptions: Iterable[Subscription], job: Callable[[str], Job | None], now: datetime
) -> list[tuple[str, str, Happening]]:
    """What is to be told now (subscription, owner, happening). A job that has ended is told of as always."""
    due = [found for found in subscriptions if found.until and found.until <= now]
    jobs = [(found, job(found.job_id)) for found in due]
    return [(found.id, found.owner, _still(found, one, now)) for found, one in jobs if one and not one.state.is_final]


def _still(subscription: Subscription, job: Job, now: datetime) -> Happening:
    """How the job is; no other event has this cause, so that it is told once whoever tells it."""
    event, _ = job_event(job, now) or (STILL, now)
    return Happening(event, (job.user,), job_data(job), now, f"overdue:{subscription.id}")
