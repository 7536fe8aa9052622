"""Three answers: alive, gone, unknown. Only a positive word of the scheduler makes a job gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from facility.errors import Unreachable
from facility.models import Job, JobSnapshot, JobState, Life
from facility.providers.slurm.squeue import Listing
from spawners.start import outlook, shared_look
from spawners.start.life import JobWatch
from spawners.start.outlook import Outlook

PLANNED = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
SUBMITTED = PLANNED + timedelta(seconds=1)
JOB = Job("7", "ana", "bs-x-y", JobState.RUNNING, "RUNNING", submitted=SUBMITTED, batch_host="nid001")


@dataclass
class Feed:
    """A feed whose snapshots a test makes."""

    snapshot: JobSnapshot | None = None
    age: timedelta | None = None

    def show(self, *jobs: Job, age: float = 1.0) -> None:
        """A new complete snapshot."""
        version = self.snapshot.version + 1 if self.snapshot else 1
        taken = PLANNED + timedelta(minutes=version)
        self.snapshot, self.age = JobSnapshot(version, taken, jobs), timedelta(seconds=age)

    def latest(self, job_id: str) -> Job | None:
        """The job, where the snapshot holds it."""
        return next((job for job in self.snapshot.jobs if job.id == job_id), None) if self.snapshot else None


@dataclass
class Scheduler:
    """A scheduler that gives one answer, and counts the questions."""

    answer: Job | Unreachable | None = None
    asked: list[str] = field(default_factory=list)

    async def job(self, job_id: str) -> Job | None:
        """The answer, or the error."""
        self.asked.append(job_id)
        if isinstance(self.answer, Unreachable):
            raise self.answer
        return self.answer

    async def held(self, job_ids: Sequence[str]) -> Listing:
        """The answer where its job is asked about, or the error."""
        answer = await self.job(",".join(job_ids))
        return Listing((answer,) if answer is not None and answer.id in job_ids else (), 0)

    async def records(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Nothing is recorded."""
        return {}


@pytest.fixture
def feed() -> Feed:
    """A feed without any snapshot."""
    return Feed()


@pytest.fixture
def slurm() -> Scheduler:
    """A scheduler that knows no job."""
    return Scheduler()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """One question right after the other."""
    monkeypatch.setattr(outlook, "HINTS_EVERY", 0.0)
    monkeypatch.setattr(outlook, "ASK_EVERY", 0.0)


@pytest.fixture
def watch(feed: Feed, slurm: Scheduler) -> JobWatch:
    """The watch of job 7."""
    return JobWatch(Outlook(feed, slurm), "7", PLANNED)


async def test_a_job_in_a_fresh_snapshot_costs_no_question(watch: JobWatch, feed: Feed, slurm: Scheduler) -> None:
    """While the shared feed tells of the job, the scheduler is left alone."""
    feed.show(JOB)

    assert (Life.ALIVE, JOB) == ((seen := await watch.look()).life, seen.job)
    assert [] == slurm.asked


async def test_a_final_record_is_the_end(watch: JobWatch, feed: Feed) -> None:
    """One terminal record of this very job is enough."""
    feed.show(replace(JOB, state=JobState.TIMEOUT, state_word="TIMEOUT"))

    assert Life.GONE is (await watch.look()).life


async def test_one_empty_snapshot_proves_nothing(watch: JobWatch, feed: Feed) -> None:
    """squeue with status 0 and no job at all does not end a server."""
    feed.show()

    assert Life.UNKNOWN is (await watch.look()).life


async def test_two_snapshots_and_a_clear_word_are_the_end(watch: JobWatch, feed: Feed, slurm: Scheduler) -> None:
    """Absent twice, and the scheduler asked for this one job knows no such id: gone."""
    feed.show()
    await watch.look()
    feed.show()

    assert Life.GONE is (await watch.look()).life
    assert "7" in slurm.asked


async def test_the_same_snapshot_seen_twice_counts_once(watch: JobWatch, feed: Feed) -> None:
    """Looking often at one snapshot makes it no second one."""
    feed.show()
    for _ in range(5):
        await watch.look(ask=True)

    assert Life.UNKNOWN is (await watch.look(ask=True)).life


async def test_absence_with_a_silent_scheduler_is_unknown(watch: JobWatch, feed: Feed, slurm: Scheduler) -> None:
    """However often the job is absent: without the scheduler's word the server is kept."""
    slurm.answer = Unreachable("Socket timed out")
    for _ in range(5):
        feed.show()
        seen = await watch.look(ask=True)

    assert (Life.UNKNOWN, "Socket timed out") == (seen.life, seen.problem)


async def test_a_job_that_the_snapshot_missed_is_alive(watch: JobWatch, feed: Feed, slurm: Scheduler) -> None:
    """A snapshot that lost half its rows harms nobody: the targeted question finds the job."""
    slurm.answer = JOB
    feed.show()
    await watch.look()
    feed.show()

    assert (Life.ALIVE, JOB) == ((seen := await watch.look()).life, seen.job)


async def test_an_old_snapshot_is_no_evidence(feed: Feed, slurm: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a fresh feed the job is looked for, seldom, and one view without it leaves it unknown."""
    clock = [0.0]
    monkeypatch.setattr(shared_look, "monotonic", lambda: clock[0])
    feed.show(age=3600)
    watch = JobWatch(Outlook(feed, slurm), "7", PLANNED)

    for clock[0] in range(0, 20):
        seen = await watch.look()

    assert (Life.UNKNOWN, ["7"]) == (seen.life, slurm.asked)


async def test_two_looks_of_our_own_and_a_clear_word_are_the_end(
    feed: Feed, slurm: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the facility service is away, what the hub sees itself counts as the feed's snapshots do."""
    clock = [0.0]
    monkeypatch.setattr(shared_look, "monotonic", lambda: clock[0])
    watch = JobWatch(Outlook(feed, slurm), "7", PLANNED)

    lives = [(await watch.look()).life for clock[0] in range(0, 25, 5)]

    assert [Life.UNKNOWN] * 4 + [Life.GONE] == lives
    assert ["7"] * 3 == slurm.asked  # two looks, and the question about it alone


async def test_the_feed_is_given_time_before_anybody_is_asked(watch: JobWatch, feed: Feed, slurm: Scheduler) -> None:
    """A hub with a thousand servers that was started anew has no snapshot yet: it must not ask a thousand times."""
    before = await watch.look()
    feed.show(JOB)

    assert (Life.UNKNOWN, Life.ALIVE) == (before.life, (await watch.look()).life)
    assert [] == slurm.asked


async def test_another_job_with_the_same_id_is_not_ours(watch: JobWatch, feed: Feed, slurm: Scheduler) -> None:
    """A scheduler that began to count anew may give our id to another job; its end is not ours."""
    old = replace(JOB, state=JobState.FAILED, state_word="FAILED", submitted=PLANNED - timedelta(days=3))
    feed.show(old)
    slurm.answer = old

    assert Life.UNKNOWN is (await watch.look()).life
