"""IRI's jobs as ours. What a facility does not put into `meta_data` is not known, and stays empty."""

from __future__ import annotations

from datetime import UTC, datetime

from facility.errors import Unreadable
from facility.models import Job, JobState
from facility.providers.api import Found, an_object
from facility.providers.slurm.text import job_state

STATES = {
    "new": JobState.PENDING,
    "queued": JobState.PENDING,
    "held": JobState.PENDING,
    "active": JobState.RUNNING,
    "completed": JobState.COMPLETED,
    "failed": JobState.FAILED,
    "canceled": JobState.CANCELLED,
}
"""PSI/J's states; a word that is not among them is UNKNOWN."""

HELD = "JobHeldUser"


def job_from(found: Found, user: str) -> Job:
    """A job of `user`'s. Raises Unreadable for one without an id or a state."""
    job_id, status = found.get("id"), _part(found, "status")
    told = str(status.get("state", ""))
    if not job_id or not told:
        raise Unreadable("the IRI API told of a job without its id or state", str(found))
    words, spec = _part(status, "meta_data"), _part(found, "job_spec")
    asked = _part(spec, "attributes")
    state, word = _state(told, _text(words, "scheduler_state"))
    since = _moment(status.get("time"))
    exit_code = status.get("exit_code")
    return Job(
        id=str(job_id),
        user=_text(words, "user") or user,
        name=_text(words, "name") or _text(spec, "name"),
        state=state,
        state_word=word,
        reason=_text(words, "scheduler_reason") or (HELD if told == "held" else ""),
        account=_text(words, "account") or _text(asked, "account"),
        qos=_text(words, "qos"),
        partition=_text(words, "queue_name") or _text(asked, "queue_name"),
        reservation=_text(words, "reservation_id") or _text(asked, "reservation_id"),
        comment=_text(words, "comment"),
        node_count=_whole(words.get("node_count")) or _whole(_part(spec, "resources").get("node_count")),
        node_list=_text(words, "node_list"),
        exit_code=f"{exit_code}:0" if isinstance(exit_code, int) and state.is_final else "",
        submitted=_moment(words.get("submitted")) or (since if state.is_waiting else None),
        starts=_moment(words.get("starts")) or (since if told == "active" else None),
        ends=_moment(words.get("ends")) or (since if state.is_final else None),
    )


def _state(told: str, scheduler_word: str) -> tuple[JobState, str]:
    """The scheduler's own word where it is one of Slurm's, else PSI/J's."""
    if scheduler_word:
        state, word = job_state(scheduler_word)
        if state is not JobState.UNKNOWN:
            return state, word
    return STATES.get(told, JobState.UNKNOWN), scheduler_word or told


def _part(found: Found, name: str) -> Found:
    part = found.get(name)
    return an_object(part) if part is not None else {}


def _text(found: Found, name: str) -> str:
    value = found.get(name)
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
