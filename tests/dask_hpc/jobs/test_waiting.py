"""What is told of a job that waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from dask_hpc.jobs.waiting import in_words, told
from facility.errors import Unreachable
from facility.models import Job, JobState, Reservation

NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=2)


def job(state: JobState = JobState.PENDING, **more: object) -> Job:
    """Job 41 in a state."""
    return Job(id="41", user="ana", name="dask-tonight", state=state, state_word=state.value, **more)  # type: ignore[arg-type]  # keywords of Job


@dataclass
class Queue:
    """A scheduler that tells a place in the queue and one reservation, or fails."""

    place: int | None = None
    fails: bool = False

    async def ahead(self, _job: Job) -> int | None:
        """The chosen place."""
        if self.fails:
            raise Unreachable("no answer")
        return self.place

    async def reservations(self) -> Sequence[Reservation]:
        """One that begins later."""
        if self.fails:
            raise Unreachable("no answer")
        return (Reservation("beam-042", LATER, LATER + timedelta(hours=8), "INACTIVE"),)


def test_reason_and_estimate_are_told() -> None:
    """Slurm's word, the sentence, and when it may start."""
    words = in_words(job(reason="Priority", starts=LATER))

    assert words.startswith("job 41 is pending (Priority): Jobs of higher priority are ahead. Slurm expects it to")
    assert f"{LATER.astimezone():%H:%M}" in words


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (0, "No waiting job of its partition has a higher priority."),
        (1, "1 waiting job has a higher priority."),
        (7, "7 waiting jobs have a higher priority."),
    ],
)
async def test_the_place_in_the_queue_is_told(place: int, words: str) -> None:
    """As a number of jobs, and as none."""
    assert (await told(job(), Queue(place))).endswith(words)  # type: ignore[arg-type]  # the two methods it uses


async def test_a_reservation_to_come_is_told_where_slurm_has_no_estimate() -> None:
    """Its beginning is when the job can start."""
    words = await told(job(reason="Reservation", reservation="beam-042"), Queue())  # type: ignore[arg-type]  # as above

    assert words.endswith(f"Its reservation begins at {LATER.astimezone():%H:%M %Z on %d %b}.")


async def test_a_queue_that_does_not_answer_leaves_its_part_out() -> None:
    """The reason is told all the same."""
    words = await told(job(reason="Resources", reservation="beam-042"), Queue(fails=True))  # type: ignore[arg-type]  # as above

    assert words == "job 41 is pending (Resources): Waiting for nodes to become free."


async def test_of_a_job_that_runs_nothing_is_asked() -> None:
    """Its state is all there is to say."""
    assert await told(job(JobState.RUNNING), Queue(fails=True)) == "job 41 is running"  # type: ignore[arg-type]  # as above
