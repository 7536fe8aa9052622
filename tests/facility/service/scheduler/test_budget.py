"""How much the scheduler is asked."""

from __future__ import annotations

import asyncio

from facility.service.scheduler.budget import Budget
from facility.testing import FakeClock


async def test_the_long_run_is_less_than_half_a_question_a_second() -> None:
    """However many ask, 100 seconds bring 45 RPCs and the credit of the start."""
    clock, made = FakeClock(), 0
    budget = Budget(clock)

    async def ask() -> None:
        nonlocal made
        while True:
            await budget.spend(2)
            made += 2

    askers = [asyncio.create_task(ask()) for _ in range(5)]
    await clock.advance(100)
    for asker in askers:
        asker.cancel()

    assert 53 <= made <= 55


async def test_what_is_not_granted_says_when() -> None:
    """Somebody who may not wait is told how long it would be."""
    clock = FakeClock()
    budget = Budget(clock, rate=1.0, credit=2.0)

    assert [0.0, 0.0, 1.0] == [budget.take(1) for _ in range(3)]
    await clock.advance(1)
    assert 0.0 == budget.take(1)


async def test_credit_does_not_grow_beyond_its_bound() -> None:
    """A quiet night is no licence for a storm in the morning."""
    clock = FakeClock()
    budget = Budget(clock, rate=1.0, credit=2.0)
    await clock.advance(3600)

    assert [0.0, 0.0, 1.0] == [budget.take(1) for _ in range(3)]
