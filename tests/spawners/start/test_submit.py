"""One intent, at most one job: whatever sbatch, the network or a killed hub did in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facility.errors import SubmitRefused, Unreachable
from facility.models import Job, JobRequest, JobSnapshot, JobState
from spawners.desk import AT_ONCE, Desk
from spawners.intents import Intent, IntentStore, matches
from spawners.start import submit
from spawners.start.submit import cancel_spares, see_off, submit_once

REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=2))


@dataclass
class Scheduler:
    """A queue in memory. `faults` are raised by the next submissions; `takes_it`: the job is held all the same."""

    queue: dict[str, Job] = field(default_factory=dict)
    faults: list[Exception] = field(default_factory=list)
    takes_it: bool = False
    submissions: int = 0
    down: int = 0  # how many questions find no scheduler
    seconds: float = 0.0  # that a submission takes
    now: int = 0  # submissions on their way
    most: int = 0  # of them, ever
    scripts: list[bytes] = field(default_factory=list)

    def add(self, name: str, user: str = "ana") -> Job:
        """A job in the queue."""
        number = str(100 + len(self.queue))
        submitted = datetime.now(UTC) + timedelta(seconds=len(self.queue))
        self.queue[number] = Job(number, user, name, JobState.PENDING, "PENDING", comment=name, submitted=submitted)
        return self.queue[number]

    def by(self, run: WithClaim) -> Scheduler:
        """The same, once the secret lies where the job finds it."""
        run.claims[run.name] = run.secret
        return self

    async def submit(self, request: JobRequest, script: bytes, *, user: str, name: str, **_: str) -> str:
        """Take the job, unless a fault is due."""
        self.submissions += 1
        self.scripts.append(script)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.to_thread(time.sleep, self.seconds)
        self.now -= 1
        if self.faults:
            if self.takes_it:
                self.add(name, user)
            raise self.faults.pop(0)
        return self.add(name, user).id

    async def find_by_nonce(self, user: str, nonce: str) -> list[Job]:
        """Jobs that carry the nonce."""
        self._answer()
        return [job for job in self.queue.values() if nonce in job.name]

    async def job(self, job_id: str) -> Job | None:
        """One job."""
        self._answer()
        return self.queue.get(job_id)

    async def cancel(self, job_id: str, *, user: str) -> None:
        """End a job of the same user."""
        self._answer()
        assert user == self.queue[job_id].user
        self.queue[job_id] = replace(self.queue[job_id], state=JobState.CANCELLED, state_word="CANCELLED")

    def _answer(self) -> None:
        if self.down:
            self.down -= 1
            raise Unreachable("Unable to contact slurm controller")

    @property
    def alive(self) -> list[str]:
        """Ids of jobs that may run."""
        return [job.id for job in self.queue.values() if not job.state.is_final]


@dataclass
class WithClaim:
    """Where a job's secret goes when the job is handed in."""

    claims: dict[str, bytes]
    name: str
    secret: bytes


@dataclass
class Files:
    """The claim secrets that were handed to jobs."""

    claims: dict[str, bytes] = field(default_factory=dict)

    def with_claim(self, name: str, secret: bytes) -> WithClaim:
        """How a job is handed in with its secret."""
        return WithClaim(self.claims, name, secret)


@pytest.fixture
def slurm() -> Scheduler:
    """An empty queue."""
    return Scheduler()


@pytest.fixture
def desk(slurm: Scheduler, tmp_path: Path) -> Iterator[Desk]:
    """A desk over that queue."""
    store = IntentStore(tmp_path / "intents.sqlite")
    yield Desk(None, tmp_path, None, None, None, slurm, Files(), store, dict)  # type: ignore[arg-type]  # no profile, offer, feed here
    store.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses take no time and are counted."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(submit.asyncio, "sleep", pause)
    return pauses


async def start(desk: Desk, told: list[str] | None = None) -> Intent:
    """Submit ana's default server."""
    intent = desk.intents.plan("ana", "", REQUEST)
    tell = (told if told is not None else []).append
    return await submit_once(desk, intent, b"#!/bin/sh\n", directory="/", output="/o", tell=tell)


async def test_a_plain_submission_is_one_job(desk: Desk, slurm: Scheduler) -> None:
    """The job's id is stored, and the secret lies where the job will look for it."""
    intent = await start(desk)

    assert [intent.job_id] == slurm.alive
    assert matches(desk.files.claims[intent.nonce].decode(), intent.secret_hash)  # type: ignore[attr-defined]
    assert desk.job_name(intent.nonce) == slurm.queue[intent.job_id].name


async def test_asking_again_submits_nothing(desk: Desk, slurm: Scheduler) -> None:
    """A second start of the same server returns the first one's job."""
    assert await start(desk) == await start(desk)
    assert 1 == slurm.submissions


async def test_a_crowd_is_handed_in_a_few_at_a_time(desk: Desk, slurm: Scheduler) -> None:
    """Each is one job all the same, and those that wait for their turn are told."""
    slurm.seconds = 0.02
    told: list[str] = []
    intents = [desk.intents.plan("ana", f"server{number}", REQUEST) for number in range(3 * AT_ONCE)]
    starts = [submit_once(desk, one, b"#!/bin/sh\n", directory="/", output="/o", tell=told.append) for one in intents]

    found = await asyncio.gather(*starts)

    assert slurm.most == AT_ONCE
    assert sorted(intent.job_id for intent in found) == slurm.alive
    assert told == ["Many start at this moment; your request is handed in in its turn."] * (2 * AT_ONCE)


async def test_an_unanswered_sbatch_that_took_the_job_is_adopted(desk: Desk, slurm: Scheduler) -> None:
    """ "Socket timed out" although the job is held: found by its nonce, not submitted again."""
    slurm.faults, slurm.takes_it = [Unreachable("Socket timed out")], True

    intent = await start(desk)

    assert ([intent.job_id], 1) == (slurm.alive, slurm.submissions)


async def test_an_unanswered_sbatch_that_took_nothing_is_repeated(desk: Desk, slurm: Scheduler) -> None:
    """Only after two searches that found nothing, with a pause between them, is the job submitted again."""
    slurm.faults = [Unreachable("Unable to contact slurm controller")]
    told: list[str] = []

    intent = await start(desk, told)

    assert ([intent.job_id], 2) == (slurm.alive, slurm.submissions)
    assert "The scheduler does not answer; your request is kept" in told[0]


async def test_a_scheduler_that_is_down_is_waited_for(desk: Desk, slurm: Scheduler, no_pauses: list[float]) -> None:
    """Ten questions without an answer: one job at the end, and pauses that grow to a limit."""
    slurm.faults, slurm.down, slurm.takes_it = [Unreachable("down")], 10, True

    intent = await start(desk)

    assert [intent.job_id] == slurm.alive
    assert 15.0 == max(no_pauses)


async def test_of_two_jobs_the_oldest_stays(desk: Desk, slurm: Scheduler) -> None:
    """Should one intent have two jobs after all, the younger is cancelled."""
    intent = desk.intents.plan("ana", "", REQUEST)
    desk.intents.renew_secret(intent.nonce)
    first, second = (slurm.add(desk.job_name(intent.nonce)) for _ in range(2))

    adopted = await start(desk)

    assert (first.id, [first.id]) == (adopted.job_id, slurm.alive)
    assert JobState.CANCELLED is slurm.queue[second.id].state


async def test_a_job_of_somebody_else_is_never_adopted(desk: Desk, slurm: Scheduler) -> None:
    """The nonce is no secret: a job that carries it but is another user's, or another hub's, is not ours."""
    intent = desk.intents.plan("ana", "", REQUEST)
    desk.intents.renew_secret(intent.nonce)
    slurm.add(desk.job_name(intent.nonce), user="ben")
    slurm.add(f"jupyter-otherhub-{intent.nonce}")

    adopted = await start(desk)

    assert "102" == adopted.job_id


async def test_a_refusal_is_told_at_once(desk: Desk, slurm: Scheduler) -> None:
    """What the scheduler refuses is not repeated."""
    slurm.faults = [SubmitRefused("Invalid account")]

    with pytest.raises(SubmitRefused, match="Invalid account"):
        await start(desk)
    assert 1 == slurm.submissions


async def test_a_stop_is_repeated_until_the_scheduler_confirms(desk: Desk, slurm: Scheduler) -> None:
    """A cancel that fails is tried again; only when the job is final is the intent over."""
    intent = await start(desk)
    slurm.down = 4

    await see_off(desk, desk.intents.stop(intent.nonce))

    assert [] == slurm.alive
    assert desk.intents.open_one("ana", "") is None


async def test_a_stop_finds_a_job_whose_id_was_never_learned(desk: Desk, slurm: Scheduler) -> None:
    """Stopped between sbatch and its answer: the job is found by its nonce and cancelled too."""
    intent = desk.intents.plan("ana", "", REQUEST)
    desk.intents.renew_secret(intent.nonce)
    slurm.add(desk.job_name(intent.nonce))

    await see_off(desk, desk.intents.stop(intent.nonce))

    assert [] == slurm.alive


async def test_a_job_that_surfaces_later_is_cancelled(desk: Desk, slurm: Scheduler) -> None:
    """The sweep ends jobs of this hub that serve no request, and touches nobody else's."""
    intent = await start(desk)
    late = slurm.add(desk.job_name(intent.nonce))
    stopped = desk.intents.plan("ana", "old", REQUEST)
    desk.intents.end(stopped.nonce, "stopped")
    orphan = slurm.add(desk.job_name(stopped.nonce))
    foreign = [slurm.add(name).id for name in (desk.job_name("0" * 20), f"jupyter-otherhub-{intent.nonce}", "my job")]
    feed = type("Feed", (), {"snapshot": JobSnapshot(1, datetime.now(UTC), tuple(slurm.queue.values()))})()

    await cancel_spares(replace(desk, feed=feed))

    assert {intent.job_id, *foreign} == set(slurm.alive)
    assert {late.id, orphan.id}.isdisjoint(slurm.alive)
