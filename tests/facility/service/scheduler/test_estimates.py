"""Estimates: one question for many who ask, an older answer where none may be asked, and limits Slurm does not see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from facility.errors import Busy, NotSignedIn, Unreachable
from facility.models import Estimate, JobRequest, Partition, Qos, Reservation
from facility.profile import System
from facility.providers.slurm import Completed, Slurm
from facility.service.caller import Mandate
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import ESTIMATES_CREDIT, RATE, Budget
from facility.service.scheduler.estimates import Estimates
from facility.service.scheduler.facts import Facts, Known
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.poller import Poller
from facility.service.scheduler.polling import Polling
from facility.testing import FakeClock, FakeScheduler

ANA = Mandate("ana", token="live")
REFUSED = Completed(1, b"", b"allocation failure: Invalid qos specification\n")


def wish(**different: object) -> JobRequest:
    """An hour on one node."""
    chosen = {"account": "ncem", "qos": "debug", "partition": "main", "walltime": timedelta(hours=1)} | different
    return JobRequest(**chosen)  # type: ignore[arg-type]  # a test's choices


class Desk:
    """Estimates over a fake scheduler, in a process that polls."""

    def __init__(self) -> None:
        self.clock, self.scheduler = FakeClock(), FakeScheduler()
        slurm, ledger = Slurm(System(title="Fake"), self.scheduler), Ledger()
        self.facts, broadcast, self.budget = Facts(slurm, self.clock), Broadcast(ledger), Budget(self.clock)
        self.polling = Polling(
            Poller(slurm, ledger, broadcast, self.budget, self.clock), ledger, broadcast, self.facts, self.clock
        )
        self.polling.is_polling = True
        self.estimates = Estimates(lambda _: slurm, self.facts, self.polling, self.clock)

    @property
    def asked(self) -> int:
        """How often the scheduler was asked."""
        return self.scheduler.calls_of("sbatch")

    async def ask(self, mandate: Mandate = ANA, **different: object) -> Estimate:
        """When it would start."""
        return await self.estimates.estimate(mandate, wish(**different))


@pytest.fixture
def desk() -> Desk:
    """A site that knows nothing of itself yet."""
    return Desk()


async def test_fifty_who_ask_the_same_are_one_question(desk: Desk) -> None:
    """At once, and for a minute; then it is asked again. Another request is another question."""
    at_once = await asyncio.gather(*(desk.ask() for _ in range(50)))
    await desk.clock.advance(59)
    later, asked = await desk.ask(), desk.asked
    await desk.ask(nodes=2)
    await desk.clock.advance(2)
    await desk.ask()

    assert ({desk.scheduler.starts}, 1, 3) == ({one.starts for one in (*at_once, later)}, asked, desk.asked)


async def test_what_the_scheduler_refuses_is_an_answer_that_is_remembered_too(desk: Desk) -> None:
    """In its own words."""
    desk.scheduler.faults["sbatch"] = REFUSED
    found = [await desk.ask() for _ in range(3)]

    assert {(None, "the scheduler refused the job: Invalid qos specification")} == {
        (one.starts, one.why_not) for one in found
    }
    assert 1 == desk.asked


async def test_who_asks_too_much_gets_the_last_answer_with_its_age_or_is_told_when_to_come(desk: Desk) -> None:
    """One person has half of what all have; after a while there is leave again."""
    first = await desk.ask()
    for nodes in range(2, 6):
        await desk.ask(nodes=nodes)
    await desk.clock.advance(0)
    with pytest.raises(Busy) as busy:
        await desk.ask(nodes=6)
    others = [await desk.ask(Mandate("ben", token="his"), nodes=nodes) for nodes in range(1, 6)]
    with pytest.raises(Busy):
        await desk.ask(Mandate("kim", token="hers"))
    await desk.clock.advance(busy.value.retry_after)
    again = await desk.ask(nodes=6)

    assert (5, True) == (len(others), again.starts is not None and 0 < busy.value.retry_after <= 60)
    assert first.starts == (await desk.ask()).starts


async def test_an_older_answer_stands_in_while_the_scheduler_is_away(desk: Desk) -> None:
    """For a quarter of an hour, with when it was asked and why it is old; one that is known to be down is not asked."""
    first = await desk.ask()
    desk.scheduler.faults["sbatch"] = Unreachable("sbatch gave no answer")
    await desk.clock.advance(61)
    older = await desk.ask()
    desk.polling.watched.failed(RuntimeError("down"))
    asked = desk.asked
    still = await desk.ask()
    await desk.clock.advance(15 * 60)

    assert (first.starts, first.as_of, "sbatch gave no answer") == (older.starts, older.as_of, older.problem)
    assert ("does not answer" in still.problem, asked) == (True, desk.asked)
    with pytest.raises(Unreachable):
        await desk.ask()


async def test_a_proof_that_is_none_takes_nothing_from_those_who_ask_beside_it(desk: Desk) -> None:
    """Who asked first by a revoked token is refused; who joined by a good one is answered."""
    slurm = desk.estimates._slurm_for(ANA)

    def slurm_for(mandate: Mandate) -> Slurm:
        if mandate.token == "revoked":
            raise NotSignedIn("revoked")
        return slurm

    desk.estimates._slurm_for = slurm_for
    answers = await asyncio.gather(desk.ask(Mandate("ana", token="revoked")), desk.ask(), return_exceptions=True)

    assert (NotSignedIn, Estimate) == tuple(type(answer) for answer in answers)


def known(value: object) -> Known[object]:
    """An answer of now."""
    return Known(value, datetime.now(UTC))


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A site that has told its limits, and of a night shift that begins in an hour and lasts for two."""
    starts = desk.clock.now() + timedelta(hours=1)
    desk.facts.qos.adopt(known((Qos("debug", max_walltime=timedelta(hours=2), max_nodes=4), Qos("free"))))  # type: ignore[arg-type]
    desk.facts.partitions.adopt(
        known((Partition("main", True, True, timedelta(hours=12), 8, 3, 16, 32000),))  # type: ignore[arg-type]
    )
    desk.facts.reservations.adopt(
        known((Reservation("night", starts, starts + timedelta(hours=2), "INACTIVE"),))  # type: ignore[arg-type]
    )
    return desk


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"walltime": timedelta(hours=3)}, "QOS debug allows 0-02:00:00"),
        ({"nodes": 5}, "QOS debug allows 4 nodes"),
        ({"qos": "free", "walltime": timedelta(hours=13)}, "partition main allows 0-12:00:00"),
        ({"qos": "free", "reservation": "night", "walltime": timedelta(hours=3)}, "night has 0-02:00:00 left"),
    ],
)
async def test_a_job_that_would_wait_for_ever_is_named_without_a_question(
    told: Desk, different: dict[str, object], words: str
) -> None:
    """Slurm would name a start, and never start it."""
    found = await told.ask(**different)

    assert (None, 0, True) == (found.starts, told.asked, words in found.why_not)


async def test_a_reservation_to_come_is_asked_for_from_its_begin_on(told: Desk) -> None:
    """Slurm refuses to tell otherwise."""
    await told.ask(reservation="night")

    starts = int((told.clock.now() + timedelta(hours=1)).timestamp())
    assert f"--begin=uts{starts}" in told.scheduler.calls[-1]


async def test_a_flexible_reservation_keeps_no_job_to_its_times(told: Desk) -> None:
    """Such jobs begin before it and end after it."""
    night = told.facts.reservations.latest.value[0]
    told.facts.reservations.adopt(known((replace(night, flags=("FLEX",)),)))  # type: ignore[arg-type]

    assert (await told.ask(qos="free", reservation="night", walltime=timedelta(hours=5))).starts
    assert not [word for word in told.scheduler.calls[-1] if word.startswith("--begin")]


async def test_what_estimates_cost_the_looks_at_the_queue_give_back(desk: Desk) -> None:
    """With estimates asked for all the time, both together stay below the budget, but for what may come at once."""
    spent, seconds = 0.0, 1200.0

    async def look() -> None:
        nonlocal spent
        while True:
            await desk.budget.spend(2)
            spent += 2

    async def estimate() -> None:
        nonlocal spent
        while True:
            try:
                await desk.polling.leave_for(2)
                spent += 2
            except Busy as busy:
                await desk.clock.sleep(busy.retry_after)

    await _for(desk.clock, seconds, look, estimate)

    assert RATE * seconds * 0.9 < spent <= RATE * seconds + 10 + ESTIMATES_CREDIT + 4


async def _for(clock: FakeClock, seconds: float, *loops: Callable[[], Awaitable[None]]) -> None:
    """Let these go on for so long."""
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    for _ in range(int(seconds)):
        await clock.advance(1.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
