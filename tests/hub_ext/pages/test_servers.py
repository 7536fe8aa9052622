"""A server in words: what it does, by the store of intents and the feed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from facility.models import Job, JobRequest, JobState
from hub_ext.pages.servers import ServerInWords, in_words
from spawners.intents import Intent

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REQUEST = JobRequest("ncem", "regular", "main", timedelta(hours=1))


def told(job: Job | None, *, age: timedelta | None = MINUTE / 6, **known: Any) -> ServerInWords:
    """What is said of a server with this job, while the feed is so old."""
    intent = Intent("n" * 20, "ana", "", REQUEST, NOW - 10 * MINUTE, **({"job_id": "7"} | known))
    desk = SimpleNamespace(feed=SimpleNamespace(latest=lambda _: job, age=age))
    return in_words(intent, desk, NOW)  # type: ignore[arg-type]  # of the desk only the feed is read


def a_job(state: JobState, **known: Any) -> Job:
    """Job 7, submitted five minutes ago."""
    return Job("7", "ana", "x", state, str(state), submitted=NOW - 5 * MINUTE, **known)


RUNNING = {"batch_host": "nid001", "starts": NOW - 2 * MINUTE, "ends": NOW + 30 * MINUTE}


def test_a_running_server_has_its_node_its_wait_and_its_end() -> None:
    """All that a person asks for."""
    server = told(a_job(JobState.RUNNING, **RUNNING), port=4000, host="nid001")

    assert ("running", "30 min left.", "7", "nid001") == (server.state, server.words, server.job_id, server.node)
    assert (3 * MINUTE, NOW + 30 * MINUTE) == (server.waited, server.ends)


@pytest.mark.parametrize(
    ("job", "known", "state", "words"),
    [
        (a_job(JobState.RUNNING, **RUNNING), {}, "starting", "notebook server is starting"),
        (a_job(JobState.PENDING, reason="Priority"), {}, "waiting", "Jobs of higher priority are ahead."),
        (a_job(JobState.OUT_OF_MEMORY), {"port": 4000}, "ended", "It ran out of memory."),
        (a_job(JobState.SUSPENDED), {"port": 4000}, "running", "SUSPENDED"),
        (a_job(JobState.RUNNING, **RUNNING), {"stopping": True}, "stopping", "gone when Slurm confirms"),
        (None, {"job_id": ""}, "starting", "handed to the scheduler"),
        (None, {"port": 4000}, "unknown", "does not tell of its job"),
    ],
)
def test_each_state_has_its_words(job: Job | None, known: dict[str, Any], state: str, words: str) -> None:
    """A word, and a sentence where the word is not enough."""
    server = told(job, **known)

    assert state == server.state
    assert words in server.words


def test_an_old_view_of_the_queue_is_said_to_be_old() -> None:
    """What is shown then is the last that is known, never more."""
    old = told(a_job(JobState.RUNNING, **RUNNING), age=5 * MINUTE, port=4000)

    assert "The scheduler's word is 5 min old." in old.words
    assert "Nobody told of the queue yet." in told(None, age=None).words


def test_a_waiting_job_waits_until_now() -> None:
    """The slot's wait is counted from the submission."""
    assert 5 * MINUTE == told(a_job(JobState.PENDING)).waited
