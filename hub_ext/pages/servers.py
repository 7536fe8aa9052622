"""A person's servers in words: what each does now, by the intents and the shared feed alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from facility.feed import STALE
from facility.models import Job, JobState
from facility.reasons import why
from spawners.desk import Desk
from spawners.desks import Desks
from spawners.form.spans import duration
from spawners.intents import Intent


@dataclass(frozen=True)
class ServerInWords:
    """One server as its owner and the operators see it. Texts are the scheduler's own: escaped where they are shown."""

    user: str
    name: str  # JupyterHub's name of the server; empty for the default one
    state: str  # a word: running, starting, waiting, stopping, unknown
    words: str  # a sentence or two: why, and what is known
    job_id: str
    node: str
    since: datetime  # when it was asked for
    runs_since: datetime | None
    ends: datetime | None
    waited: timedelta | None  # in the queue, so far or in all; None where nothing tells
    system: str = ""  # the title of the system it is on; empty where the hub has one only

    @property
    def title(self) -> str:
        """What a page calls it."""
        return self.name or "default server"


def told_of(intent: Intent, desks: Desks, now: datetime) -> ServerInWords:
    """What the desk of its own system knows of this intent's server."""
    desk = desks.of(intent)
    return in_words(intent, desk, now, desks.title(desk))


def in_words(intent: Intent, desk: Desk, now: datetime, system: str = "") -> ServerInWords:
    """What is known of this intent's server at `now`; `system` is shown beside it."""
    job = desk.feed.latest(intent.job_id) if intent.job_id else None
    age = desk.feed.age
    fresh = age is not None and age < STALE
    state, words = _state(intent, job, fresh=fresh)
    if not fresh:
        words += (
            f" The scheduler's word is {duration(age)} old." if age is not None else " Nobody told of the queue yet."
        )
    started = job.starts if job and not job.state.is_waiting else None
    left = job.time_left(now) if job and job.state is JobState.RUNNING else None
    if left is not None:
        words += f" {duration(left)} left."
    return ServerInWords(
        intent.user,
        intent.server,
        state,
        words.strip(),
        intent.job_id,
        (job.batch_host if job else "") or intent.host,
        intent.planned,
        started,
        job.ends if job and job.state is JobState.RUNNING else None,
        _waited(job, intent, now),
        system,
    )


def _state(intent: Intent, job: Job | None, *, fresh: bool) -> tuple[str, str]:
    """A word for the server's state, and a sentence."""
    if intent.stopping:
        return "stopping", "Its job is asked to end; it is gone when Slurm confirms."
    if not intent.job_id:
        return "starting", "Its job is being handed to the scheduler."
    if job is None:
        missing = "The scheduler's last list does not tell of its job; it is kept until that is certain."
        return "unknown", missing if fresh else "Nothing is known of its job now; it is kept."
    if job.state.is_waiting:
        return "waiting", f"In the queue ({job.state_word}). {why(job)}".strip()
    if job.state.is_final:
        return "ended", f"Its job is {job.state_word}. {why(job)}".strip()
    words = "" if job.state is JobState.RUNNING else f"Its job is {job.state_word}."
    return ("running", words) if intent.is_claimed else ("starting", words or "The notebook server is starting.")


def _waited(job: Job | None, intent: Intent, now: datetime) -> timedelta | None:
    if job is None:
        return None
    began = job.submitted or intent.planned
    if job.state.is_waiting:
        return max(now - began, timedelta(0))
    return max(job.starts - began, timedelta(0)) if job.starts else None
