"""Setting the clock is noticed and said, and stops no work (fault F33)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from facility.service.clock import SystemClock
from facility.service.database import Database
from facility.service.health.clock_watch import REMEMBERED, ClockDiffers, ClockWatch
from facility.service.operations.service import Operation, Operations, Progress
from facility.testing import FakeClock


class SetClock(FakeClock):
    """A clock whose time of day a test sets."""

    ahead = timedelta(0)

    def now(self):
        """The time of day, as it was set."""
        return super().now() + self.ahead


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=2)])
async def test_a_clock_that_was_set_is_named_for_a_while(step: timedelta) -> None:
    """By how much, and where to look; a slow drift is nothing."""
    clock = SetClock()
    watch = ClockWatch(clock)
    await clock.advance(60)
    clock.ahead = timedelta(seconds=2)
    watch.look()
    clock.ahead = step
    with pytest.raises(ClockDiffers, match=rf"the clock differs: it was set by [+-]{abs(int(step.total_seconds()))} s"):
        watch.look()
    await clock.advance(REMEMBERED - 1)
    with pytest.raises(ClockDiffers):
        watch.look()
    await clock.advance(2)
    watch.look()


async def test_health_shows_it() -> None:
    """As a part that is down, with the words."""
    clock = SetClock()
    watch = ClockWatch(clock)
    work = asyncio.create_task(watch.run())
    await clock.advance(0)
    before = watch.watched.subsystem.state
    clock.ahead = timedelta(hours=-1)
    await clock.advance(6)
    during = watch.watched.subsystem
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)

    assert ("up", "down") == (before, during.state)
    assert "set by -3600 s" in during.last_error


class Moved(SystemClock):
    """The machine's time, and what a test adds to it."""

    ahead = timedelta(0)

    def now(self):
        """The time of day, moved."""
        return super().now() + self.ahead


async def test_work_goes_on_after_the_clock_was_set_back(database_address: str) -> None:
    """What was stored an hour in the future does not wait for that hour."""

    async def done(operation: Operation, progress: Progress) -> dict:
        return {"done": True}

    database, clock = Database(database_address, "service"), Moved()
    operations = Operations(database, clock)
    before = await operations.add("a", "ana", {})
    clock.ahead = timedelta(hours=-1)
    operations.handle("a", done)
    work = asyncio.create_task(operations.run())
    ended = [await operations.wait(each.id, 10) for each in (before, await operations.add("a", "ana", {}))]
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    database.close()

    assert ["completed", "completed"] == [operation.state for operation in ended]
