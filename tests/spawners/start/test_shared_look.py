"""One look for all jobs that the feed does not tell of: one command at a time, rarer where it fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from facility.errors import FacilityError, Unreachable
from facility.models import Job, JobState
from facility.providers.slurm.squeue import Listing
from spawners.start import shared_look
from spawners.start.shared_look import SharedLook, Told

SERVERS = [str(number) for number in range(1, 201)]


@dataclass
class Queue:
    """A queue in which every job runs, unless a test says otherwise."""

    missing: set[str] = field(default_factory=set)
    malformed: int = 0
    problem: Exception | None = None
    asked: list[list[str]] = field(default_factory=list)
    at_once: int = 0

    async def held(self, job_ids: Sequence[str]) -> Listing:
        """What is asked for and not missing."""
        self.asked.append(list(job_ids))
        self.at_once += 1
        assert 1 == self.at_once
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.problem is not None:
            raise self.problem
        return Listing(tuple(running(one) for one in job_ids if one not in self.missing), self.malformed)

    async def job(self, job_id: str) -> Job | None:
        """Nobody asks for one alone here."""
        raise AssertionError(job_id)

    async def records(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Nobody asks accounting here."""
        raise AssertionError(job_ids)


def running(job_id: str) -> Job:
    """A job of ana's."""
    return Job(job_id, "ana", "jupyter-x-y", JobState.RUNNING, "RUNNING")


@dataclass
class Turns:
    """A look over a queue, and the clock by which it is paced."""

    look: SharedLook
    now: float = 0.0

    async def tell(self, *job_ids: str) -> list[Told]:
        """What all of these servers are told when they ask at the same moment."""
        return await asyncio.gather(*map(self.look.tell, job_ids))


@pytest.fixture
def queue() -> Queue:
    """A queue in which all run."""
    return Queue()


@pytest.fixture
def turns(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Turns:
    """A look at it, and its clock."""
    made = Turns(SharedLook(queue))
    monkeypatch.setattr(shared_look, "monotonic", lambda: made.now)
    return made


async def test_the_number_of_looks_does_not_grow_with_the_servers(turns: Turns, queue: Queue) -> None:
    """Two hundred servers that ask again and again for a minute cost what one costs: a look in ten seconds."""
    for turns.now in range(60):
        told = await turns.tell(*SERVERS)

    assert 5 == len(queue.asked)
    assert all(sorted(SERVERS) == asked for asked in queue.asked)
    assert [running(one) for one in SERVERS] == [one.job for one in told]


async def test_what_was_not_asked_for_is_not_absent(turns: Turns, queue: Queue) -> None:
    """A server that came after the last look is told nothing, one that was missing in it is told so."""
    queue.missing = {"2"}
    await turns.tell("1", "2")
    turns.now = 10.0
    one, two = await turns.tell("1", "2")
    (three,) = await turns.tell("3")

    assert running("1") == one.job
    assert two.absent_from is not None
    assert Told() == three


async def test_rows_that_cannot_be_read_prove_no_absence(turns: Turns, queue: Queue) -> None:
    """Those that can be read still prove a life."""
    queue.missing, queue.malformed = {"2"}, 1
    await turns.tell("1", "2")
    turns.now = 10.0
    one, two = await turns.tell("1", "2")

    assert running("1") == one.job
    assert (None, None) == (two.job, two.absent_from)
    assert "cannot be read" in two.problem


@pytest.mark.parametrize("problem", [Unreachable("Socket timed out"), RuntimeError("a mistake")])
async def test_a_failing_scheduler_is_asked_more_and_more_seldom(
    turns: Turns, queue: Queue, caplog: pytest.LogCaptureFixture, problem: FacilityError | RuntimeError
) -> None:
    """A tenth of the time that it fails, two minutes at most; the log says it once, and all are told why."""
    caplog.set_level(logging.INFO)
    queue.problem = problem
    looks: list[float] = []
    for turns.now in range(0, 3600, 5):
        told = await turns.tell(*SERVERS[:3])
        looks += [turns.now] * (len(queue.asked) - len(looks))

    pauses = [later - sooner for sooner, later in pairwise(looks)]
    assert max(pauses[:3]) <= 15
    assert 90 <= pauses[-1] <= 125
    assert all(str(problem) in one.problem for one in told)
    assert 1 == caplog.text.count("they are kept")

    queue.problem = None
    turns.now += 125
    (back,) = await turns.tell("1")
    assert running("1") == back.job
    assert "answers again" in caplog.text


async def test_a_job_that_the_feed_tells_of_again_is_looked_for_no_more(turns: Turns, queue: Queue) -> None:
    """What is dropped, and what nobody asked about for ten minutes, is left out of the next look."""
    await turns.tell("1", "2", "3")
    turns.look.drop("2")
    turns.now = 700.0
    await turns.tell("3")

    assert [["3"]] == queue.asked
