"""What a person reads while a server starts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from facility.models import Job, JobSnapshot, JobState
from spawners.start.progress import Story, describe, printable

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
WAITING = Job("7", "ana", "n", JobState.PENDING, "PENDING", reason="Resources", partition="main", priority=10)


async def test_each_sentence_is_told_once_and_latecomers_hear_all() -> None:
    """The same state seen again is no news; a page opened late shows the whole story."""
    story = Story()
    for message in ("one", "one", "two", "two", "three"):
        story.tell(message)
    story.end()

    assert ["one", "two", "three"] == [event["message"] async for event in story.listen()]


async def test_a_listener_hears_what_comes_later() -> None:
    """Who listens from the start is told each sentence as it comes, and when it is over."""
    story = Story()
    heard: list[object] = []

    async def listen() -> None:
        heard.extend([event["message"] async for event in story.listen()])

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(listen())
        for message in ("one", "two"):
            story.tell(message, 10)
            await asyncio.sleep(0)
        story.end()

    assert ["one", "two"] == heard


def test_a_waiting_job_tells_its_reason_place_and_estimate() -> None:
    """The reason is in words, the place counts jobs of higher priority, the estimate is Slurm's."""
    ahead = [replace(WAITING, id=str(i), priority=20) for i in (1, 2)]
    other = replace(WAITING, id="3", priority=20, partition="gpu")
    job = replace(WAITING, starts=NOW + timedelta(hours=1))

    told, _ = describe(job, JobSnapshot(1, NOW, (job, *ahead, other)), NOW)

    assert told == (
        "Job 7 is waiting in the queue (PENDING). Waiting for nodes to become free."
        " 2 waiting jobs with a higher priority. Slurm expects it to start at 2026-11-22 21:00 UTC."
    )


def test_a_job_that_waits_for_its_reservation_tells_when_that_begins() -> None:
    """Slurm gives such a job no estimate; once the reservation has begun there is nothing to tell of it."""
    job, opens = replace(WAITING, reason="Reservation"), NOW + timedelta(hours=13)

    before, _ = describe(job, None, NOW, opens)
    after, _ = describe(job, None, opens, opens)

    assert "Its reservation begins at 2026-11-23 09:00 UTC." in before
    assert "begins at" not in after


def test_a_running_job_tells_its_node() -> None:
    """Once it runs, the person reads where."""
    told, _ = describe(replace(WAITING, state=JobState.RUNNING, batch_host="nid001"), None, NOW)

    assert "Job 7 runs on nid001; the notebook server is starting." == told


def test_a_log_is_shown_without_terminal_signs_and_not_without_end() -> None:
    """Escape sequences and direction signs are replaced, and only the end is kept."""
    shown = printable("x" * 5000 + "\n\x1b[31mred\u202e\x07\nlast\n")

    assert shown.isprintable()
    assert shown.endswith("\ufffd[31mred\ufffd\ufffd / last")
    assert 1200 == len(shown)


async def test_a_sentence_told_again_later_has_the_new_age_and_one_place() -> None:
    """The page's "as Slurm said" stays young although nothing else changed, and latecomers hear it once."""
    story = Story()
    for minute in (0, 0, 1):
        story.tell("waits", 30, as_of=NOW + timedelta(minutes=minute), starts=NOW + timedelta(hours=1))
    story.tell("waits")
    story.end()

    (event,) = [event async for event in story.listen()]
    assert ("waits", 30) == (event["message"], event["progress"])
    assert "2026-11-22T20:01:00+00:00" == event["as_of"]
    assert "2026-11-22T21:00:00+00:00" == event["starts"]
    assert [event] == story.so_far
