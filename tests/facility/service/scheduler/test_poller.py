"""The one poller, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from facility.errors import Busy, NotFound, Unreachable
from facility.models import Job, JobState
from facility.profile import System
from facility.providers.slurm import Completed, Slurm
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import CREDIT, HINTS_CREDIT, HINTS_RATE, Budget
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.poller import QUEUE_RPCS, AlreadyPolled, Poller, only_poller
from facility.testing import FakeClock, FakeScheduler

MakeJob = Callable[..., Job]
PERIOD = 5.0


@dataclass
class Polled:
    """A poller at work."""

    clock: FakeClock
    scheduler: FakeScheduler
    ledger: Ledger
    poller: Poller

    @property
    def polls(self) -> int:
        """How often the whole queue was asked for."""
        calls = self.scheduler.calls
        return sum(call[0] == "squeue" and not any("--jobs" in word for word in call) for call in calls)


@pytest.fixture
async def polled(make_job: MakeJob) -> AsyncIterator[Polled]:
    """Ten running jobs, seen once."""
    clock, ledger = FakeClock(), Ledger()
    scheduler = FakeScheduler({str(n): make_job(str(n)) for n in range(1, 11)})
    slurm = Slurm(System(title="Fake"), scheduler)
    poller = Poller(slurm, ledger, Broadcast(ledger), Budget(clock), clock)
    task = asyncio.create_task(poller.run(PERIOD))
    await clock.advance(0)
    yield Polled(clock, scheduler, ledger, poller)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_queue_is_asked_for_once_a_period(polled: Polled) -> None:
    """At two RPCs each, that is less than half an RPC a second."""
    await polled.clock.advance(600)

    assert 119 <= polled.polls <= 121


async def test_waiting_for_a_turn_is_not_taken_for_a_slow_scheduler() -> None:
    """Where other questions have used up the budget, the queue is asked for at its turn, and then once a period."""
    clock, ledger, scheduler = FakeClock(), Ledger(), FakeScheduler({})
    budget = Budget(clock)
    budget.take(CREDIT)
    poller = Poller(Slurm(System(title="Fake"), scheduler), ledger, Broadcast(ledger), budget, clock)
    task = asyncio.create_task(poller.run(PERIOD))
    await clock.advance(60)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert scheduler.calls_of("squeue") >= 10


@pytest.mark.parametrize(
    "fault",
    [
        Completed(1, b"", b"slurm_load_jobs error: Some new words"),
        Completed(0, b"", b""),
        Completed(0, b"\x00\xff" * 100, b""),
        Unreachable("squeue gave no answer within 25 s"),
    ],
)
async def test_no_fault_of_squeue_loses_a_job(polled: Polled, fault: Completed | Exception) -> None:
    """Error, emptiness, garbage or silence for ten minutes: every job is still there, and seen again afterwards."""
    polled.scheduler.faults["squeue"] = fault
    await polled.clock.advance(600)
    kept = len(polled.ledger)
    polled.scheduler.faults.clear()
    before = polled.polls
    await polled.clock.advance(60)

    assert (10, 10) == (kept, len(polled.ledger))
    assert polled.polls > before


async def test_a_failing_scheduler_is_asked_less_and_less(polled: Polled) -> None:
    """A tenth of the time it has been failing, two minutes at most."""
    polled.scheduler.faults["squeue"] = Unreachable("down")
    await polled.clock.advance(3600)
    before = polled.polls
    await polled.clock.advance(3600)

    assert 29 <= polled.polls - before <= 41
    assert "down" == polled.poller.watched.subsystem.state


async def test_after_five_minutes_of_failure_it_is_noticed_within_thirty_seconds(polled: Polled) -> None:
    """The end of a short fault is not slept through."""
    polled.scheduler.faults["squeue"] = Unreachable("down")
    await polled.clock.advance(300)
    polled.scheduler.faults.clear()
    await polled.clock.advance(31)

    assert "up" == polled.poller.watched.subsystem.state


async def test_a_job_that_accounting_calls_ended_is_gone(polled: Polled, make_job: MakeJob) -> None:
    """Two complete answers without it, and its terminal record."""
    del polled.scheduler.jobs["3"]
    polled.scheduler.records["3"] = make_job("3", state=JobState.COMPLETED)
    await polled.clock.advance(4 * PERIOD)

    assert polled.ledger.job("3") is None


async def test_a_job_that_the_controller_does_not_know_is_gone(polled: Polled) -> None:
    """Two complete answers without it, and a question about it alone that says: unknown id."""
    del polled.scheduler.jobs["3"]
    polled.scheduler.faults["sacct"] = Unreachable("slurmdbd is down")
    await polled.clock.advance(6 * PERIOD)

    assert (None, 9) == (polled.ledger.job("3"), len(polled.ledger))


async def test_a_job_that_nobody_will_speak_of_is_kept(polled: Polled, make_job: MakeJob) -> None:
    """It is missing from the list, but the question about it finds it: it is alive."""
    hidden = polled.scheduler.jobs.pop("3")
    await polled.clock.advance(PERIOD)
    polled.scheduler.jobs["3"] = hidden
    await polled.clock.advance(6 * PERIOD)

    assert JobState.RUNNING == polled.ledger.job("3").state


async def test_a_mistake_of_ours_does_not_end_the_polling(polled: Polled, caplog: pytest.LogCaptureFixture) -> None:
    """It is shown in health, and logged."""
    polled.scheduler.faults["squeue"] = ZeroDivisionError("ours")
    await polled.clock.advance(PERIOD)
    state = polled.poller.watched.subsystem
    polled.scheduler.faults.clear()
    await polled.clock.advance(60)

    assert ("down", True) == (state.state, "ours" in state.last_error)
    assert "up" == polled.poller.watched.subsystem.state
    assert "a mistake of the service" in caplog.text


async def test_many_askers_about_one_job_share_a_question(polled: Polled) -> None:
    """A crowd costs what one costs."""
    before = polled.scheduler.calls_of("squeue")
    found = await asyncio.gather(*(polled.poller.look("3") for _ in range(50)))

    assert (50, 1) == (len(found), polled.scheduler.calls_of("squeue") - before)


async def test_too_many_questions_are_put_off(polled: Polled) -> None:
    """Who asks for everything is told when to come back."""
    with pytest.raises(Busy) as put_off:
        for n in range(30):
            await polled.poller.look(str(n % 10 + 1))

    assert 0 < put_off.value.retry_after <= 1


async def test_an_unknown_job_is_not_found(polled: Polled) -> None:
    """The scheduler says so."""
    with pytest.raises(NotFound):
        await polled.poller.look("4711")


async def test_a_hint_brings_the_news_before_the_next_poll(polled: Polled, make_job: MakeJob) -> None:
    """One question about that one job."""
    polled.scheduler.jobs["3"] = make_job("3", state=JobState.COMPLETING)
    polls = polled.polls
    polled.poller.hint("3")
    await polled.clock.advance(0)

    assert (JobState.COMPLETING, polls) == (polled.ledger.job("3").state, polled.polls)


async def test_a_false_hint_changes_nothing(polled: Polled) -> None:
    """Whoever sends it: the scheduler is asked, and believed."""
    for n in range(1, 11):
        polled.poller.hint(str(n))
    await polled.clock.advance(0)

    assert 10 == len(polled.ledger)


async def test_a_flood_of_hints_costs_the_scheduler_no_more_than_the_background_may(polled: Polled) -> None:
    """Ten jobs are looked at at once, and each look at the queue answers all that came before it, within seven seconds.

    Half an RPC a second holds over both, whoever hints and however often.
    """
    for second in range(600):
        for n in range(20):
            polled.poller.hint(str((second * 20 + n) % 990 + 11))
        await polled.clock.advance(1)
    looks = polled.scheduler.calls_of("squeue") - polled.polls

    assert 10 <= looks <= 10 + 600 * HINTS_RATE / QUEUE_RPCS + 1
    assert QUEUE_RPCS * (looks + polled.polls) <= 0.5 * 600 + CREDIT + HINTS_CREDIT
    assert polled.polls >= 600 / 7


async def test_hints_that_a_look_at_the_queue_answers_are_not_asked_for_again(
    polled: Polled, make_job: MakeJob
) -> None:
    """Where ten are being looked at, the others come with all jobs: soon, and for nothing."""
    polled.scheduler.jobs = {str(n): make_job(str(n), state=JobState.COMPLETING) for n in range(1, 101)}
    for n in range(1, 101):
        polled.poller.hint(str(n))
    await polled.clock.advance(PERIOD)
    found = {polled.ledger.job(str(n)).state for n in range(1, 101)}
    asked = polled.scheduler.calls_of("squeue") - polled.polls
    await polled.clock.advance(300)

    assert ({JobState.COMPLETING}, 10) == (found, asked)
    assert asked == polled.scheduler.calls_of("squeue") - polled.polls


def test_a_second_poller_is_refused(tmp_path: Path) -> None:
    """It is told which process is the first."""
    with only_poller(tmp_path), pytest.raises(AlreadyPolled, match=r"process \d+ already polls"), only_poller(tmp_path):
        pass


def test_the_next_poller_is_let_in(tmp_path: Path) -> None:
    """The lock ends with its holder, also when that was killed: it is the kernel's."""
    for _ in range(2):
        with only_poller(tmp_path):
            pass
