"""What happens at the facility that somebody may want to hear of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from facility.models import Job, JobState
from facility.wire import encode

JOB_EVENTS = {
    JobState.PENDING: "job.pending",
    JobState.REQUEUED: "job.pending",
    JobState.RUNNING: "job.running",
    JobState.COMPLETED: "job.completed",
    JobState.CANCELLED: "job.cancelled",
    JobState.TIMEOUT: "job.timeout",
    JobState.DEADLINE: "job.timeout",
}
"""Event of a job's state; every other final state is job.failed, every other state no event."""

FINAL_JOB_EVENTS = ("job.completed", "job.failed", "job.cancelled", "job.timeout")

EVENTS = (
    "job.pending",
    "job.running",
    *FINAL_JOB_EVENTS,
    "transfer.active",
    "transfer.succeeded",
    "transfer.failed",
    "transfer.cancelled",
    "reservation.starting",
    "reservation.active",
    "reservation.ending",
    "reservation.ended",
    "resource.status",
)
"""Every event that can be subscribed to."""

TOPICS = tuple(dict.fromkeys(event.partition(".")[0] for event in EVENTS))


@dataclass(frozen=True)
class Happening:
    """One thing that happened. Told twice with the same `cause` it is still one."""

    event: str  # one of EVENTS
    users: tuple[str, ...]  # whom it concerns; none: everybody
    data: dict[str, Any]  # what is told, as JSON takes it
    at: datetime
    cause: str

    def concerns(self, user: str) -> bool:
        """Whether it is for this user's ears."""
        return not self.users or user in self.users

    @property
    def topic(self) -> str:
        """The event's first word."""
        return self.event.partition(".")[0]


def job_event(job: Job, now: datetime) -> tuple[str, datetime] | None:
    """What a job's state means as an event, and since when it is so; None for states that are none (SUSPENDED, …)."""
    event = JOB_EVENTS.get(job.state) or ("job.failed" if job.state.is_final else "")
    at = {"job.pending": job.submitted, "job.running": job.starts}.get(event, job.ends) or now
    return (event, at.astimezone(UTC)) if event else None


def job_happening(job: Job, now: datetime) -> Happening | None:
    """The same as a happening; told again after a restart of either side it has the same cause."""
    found = job_event(job, now)
    if found is None:
        return None
    event, at = found
    submission = int(job.submitted.timestamp()) if job.submitted else 0
    return Happening(event, (job.user,), job_data(job), at, f"{event}:{job.id}:{submission}:{job.restarts}")


def job_data(job: Job) -> dict[str, Any]:
    """A job as events tell of it."""
    data = encode(job)
    if not isinstance(data, dict):
        raise TypeError("a job encodes as a record")
    return data
