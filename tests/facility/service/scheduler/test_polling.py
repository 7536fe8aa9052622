"""Several processes over one state directory: one polls, the others see the same, and one of them polls on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facility.errors import Busy, NotFound, Unreachable
from facility.models import Entitlement, Job, JobState, Partition, Qos, Reservation
from facility.profile import System
from facility.providers.slurm import Slurm
from facility.providers.slurm.sacctmgr import Associations
from facility.service.clock import SystemClock
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import Budget
from facility.service.scheduler.facts import Facts
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.poller import Poller
from facility.service.scheduler.polling import Polling
from facility.testing import FakeScheduler, until

MakeJob = Callable[..., Job]
PERIOD = 0.05


class SlurmOfFakes(Slurm):
    """Jobs come from the fake scheduler, every other answer is given."""

    async def associations(self, user: str = "") -> Associations:
        """Given."""
        return Associations((Entitlement("ana", "ncem", ("realtime",)),), frozenset({"kim"}))

    async def qos(self) -> tuple[Qos, ...]:
        """Given."""
        return (Qos("realtime", 10000, max_walltime=timedelta(hours=2)),)

    async def partitions(self) -> tuple[Partition, ...]:
        """Given."""
        return (Partition("main", True, True, None, 8, 3, 16, 32000),)

    async def reservations(self) -> tuple[Reservation, ...]:
        """Given."""
        return (Reservation("beam", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC), "ACTIVE"),)


@dataclass
class Process:
    """What one process of the service holds of the scheduler."""

    ledger: Ledger
    facts: Facts
    polling: Polling
    scheduler: FakeScheduler
    broadcast: Broadcast


@asynccontextmanager
async def process(state: Path, scheduler: FakeScheduler) -> AsyncIterator[Process]:
    """One more process over `state` (in this one, with nothing shared but the directory)."""
    slurm, clock, ledger = SlurmOfFakes(System(title="Fake"), scheduler), SystemClock(), Ledger()
    facts, broadcast = Facts(slurm, clock), Broadcast(ledger)
    budget = Budget(clock, rate=1e6)  # the test does not wait for turns
    polling = Polling(Poller(slurm, ledger, broadcast, budget, clock), ledger, broadcast, facts, clock)
    work = asyncio.create_task(polling.run(state, PERIOD))
    try:
        yield Process(ledger, facts, polling, scheduler, broadcast)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


@pytest.fixture
async def two(tmp_path: Path, make_job: MakeJob) -> AsyncIterator[tuple[Process, Process]]:
    """The first polls and the second follows; each has a scheduler of its own that counts who asks."""
    jobs = {str(n): make_job(str(n), user="ana" if n % 2 else "ben") for n in range(1, 1201)}
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(process(tmp_path, FakeScheduler(jobs)))
        await until(lambda: one.ledger.taken is not None)
        other = await stack.enter_async_context(process(tmp_path, FakeScheduler({})))
        await until(lambda: other.ledger.taken is not None)
        yield one, other


async def test_the_second_process_sees_what_the_first_sees_and_asks_nothing(two: tuple[Process, Process]) -> None:
    """The same jobs, versions and facts; its own scheduler commands are never run."""
    one, other = two
    known = [await fact.known() for process in two for fact in process.facts.all]

    assert one.ledger.everything()[2] == other.ledger.everything()[2]
    assert [fact.value for fact in known[:4]] == [fact.value for fact in known[4:]]
    assert (True, False, 0) == (one.polling.is_polling, other.polling.is_polling, len(other.scheduler.calls))
    await until(lambda: other.polling.watched.subsystem.state == "up")


def test_every_fact_can_be_told_to_another_process(make_job: MakeJob) -> None:
    """One without a kind would never be known there."""
    facts = Facts(SlurmOfFakes(System(title="Fake"), FakeScheduler({})), SystemClock())

    assert None not in [fact.kind for fact in facts.all]


async def test_leave_for_an_estimate_is_given_by_whoever_polls(two: tuple[Process, Process]) -> None:
    """Ten at once over both together, then neither gets one; the other process is told when to ask again."""
    one, other = two
    for asked in range(10):
        await two[asked % 2].polling.leave_for(2)

    for process_ in (one, other):
        with pytest.raises(Busy, match="many estimates") as busy:
            await process_.polling.leave_for(2)
        assert 0 < busy.value.retry_after <= 2 / 0.15


async def test_changes_go_on_with_the_same_numbers(two: tuple[Process, Process], make_job: MakeJob) -> None:
    """A client may ask one process now and the other one later."""
    one, other = two
    one.scheduler.jobs["7"] = make_job("7", user="ana", state=JobState.COMPLETING)
    await until(lambda: other.ledger.job("7").state is JobState.COMPLETING)
    snapshots = [process.ledger.snapshot("ana") for process in two]

    assert snapshots[0].version == snapshots[1].version
    assert snapshots[0].jobs == snapshots[1].jobs
    assert 600 == len(snapshots[1].jobs)
    assert one.ledger.since(snapshots[0].version - 1) == other.ledger.since(snapshots[0].version - 1)


async def test_streams_of_the_second_process_get_every_change(two: tuple[Process, Process], make_job: MakeJob) -> None:
    """A snapshot, then what changes, and that the queue was looked at."""
    one, other = two
    stream = other.broadcast.stream("ben", "", 30)
    first = await anext(stream)
    one.scheduler.jobs["8"] = make_job("8", user="ben", state=JobState.COMPLETING)
    async for event in stream:
        if b"event: change" in event:
            break
    await stream.aclose()

    assert first.startswith(b"id: ")
    assert b'"job_id":"8"' in event


async def test_a_question_about_one_job_is_asked_by_the_first(two: tuple[Process, Process], make_job: MakeJob) -> None:
    """The answer, or the error with its words, comes back; the allowance is one for all processes."""
    one, other = two
    one.scheduler.jobs["7"] = make_job("7", user="ana", state=JobState.SUSPENDED)
    found = await other.polling.look("7")
    with pytest.raises(NotFound, match="4711"):
        await other.polling.look("4711")
    with pytest.raises(Busy) as put_off:
        for n in range(30):
            await other.polling.look(str(n + 100))

    assert (JobState.SUSPENDED, 0) == (found.state, len(other.scheduler.calls))
    assert put_off.value.retry_after > 0


async def test_a_hint_to_the_second_process_reaches_the_first(two: tuple[Process, Process]) -> None:
    """One question about that one job."""
    one, other = two
    before = sum("--jobs=9" in call or "9" in call for call in one.scheduler.calls)
    other.polling.hint("9")

    await until(lambda: sum("--jobs=9" in call or "9" in call for call in one.scheduler.calls) > before)


async def test_when_the_polling_process_ends_another_one_polls_on(tmp_path: Path, make_job: MakeJob) -> None:
    """It keeps what it has seen, its numbers go on growing, and a job of before that ends is heard to end."""
    jobs = {"7": make_job("7"), "8": make_job("8")}
    async with AsyncExitStack() as stack:
        first = AsyncExitStack()
        one = await first.enter_async_context(process(tmp_path, FakeScheduler(dict(jobs))))
        await until(lambda: one.ledger.taken is not None)
        other = await stack.enter_async_context(process(tmp_path, FakeScheduler(dict(jobs))))
        await until(lambda: len(other.ledger) == 2)
        version = other.ledger.everything()[0]
        await first.aclose()
        await until(lambda: other.polling.is_polling)
        other.scheduler.jobs["7"] = make_job("7", state=JobState.COMPLETING)
        await until(lambda: other.ledger.job("7").state is JobState.COMPLETING)

        assert other.ledger.everything()[0] > version
        assert not (await other.polling.look("8")).state.is_final
        del other.scheduler.jobs["8"]
        await until(lambda: other.ledger.job("8") is None, 30)
        assert ["7"] == [job.id for job in other.ledger.snapshot("ana").jobs]


async def test_a_process_that_never_reads_is_cut_off_and_slows_nobody(
    two: tuple[Process, Process], tmp_path: Path, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded; the others go on."""
    monkeypatch.setattr("facility.service.scheduler.door.LONGEST_QUEUE", 5)
    one, other = two
    _, writer = await asyncio.open_unix_connection(tmp_path / "poller.sock")
    writer.transport.pause_reading()
    door = one.polling._door
    await until(lambda: len(door) == 2)
    jobs = dict(one.scheduler.jobs)

    def change_all() -> bool:
        for id_, job in jobs.items():
            one.scheduler.jobs[id_] = replace(job, priority=one.ledger.everything()[0])
        return len(door) == 1

    await until(change_all, 30)
    writer.close()

    await until(lambda: other.ledger.everything()[2] == one.ledger.everything()[2])


async def test_a_socket_in_a_deep_directory_works(tmp_path: Path, make_job: MakeJob) -> None:
    """A socket's address holds 107 bytes; a path may be longer."""
    deep = tmp_path.joinpath(*["deep" * 10] * 4)
    deep.mkdir(parents=True, mode=0o700)
    async with process(deep, FakeScheduler({"7": make_job("7")})) as one:
        await until(lambda: one.ledger.taken is not None)
        async with process(deep, FakeScheduler({})) as other:
            await until(lambda: len(other.ledger) == 1)

        assert 0o600 == (deep / "poller.sock").stat().st_mode & 0o777


async def test_between_two_pollers_questions_are_put_off(tmp_path: Path) -> None:
    """Nobody holds the line yet: that is said, not waited for."""
    slurm, clock, ledger = SlurmOfFakes(System(title="Fake"), FakeScheduler({})), SystemClock(), Ledger()
    broadcast = Broadcast(ledger)
    poller = Poller(slurm, ledger, broadcast, Budget(clock), clock)
    polling = Polling(poller, ledger, broadcast, Facts(slurm, clock), clock)
    polling.hint("7")

    with pytest.raises(Unreachable, match="try again"):
        await polling.look("7")
