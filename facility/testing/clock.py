"""Time that a test moves, and waiting for what no event tells of."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Time that passes when a test says so (`facility.service.clock.Clock`)."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = now
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._elapsed

    def now(self) -> datetime:
        """The time of day."""
        return self._start + timedelta(seconds=self._elapsed)

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has moved the clock so far."""
        self._count += 1
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self._elapsed + max(seconds, 0.0), self._count, woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Move the clock, waking each sleeper at its time, and let everybody run who can."""
        end = self._elapsed + seconds
        await _let_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            self._elapsed, _, woken = heapq.heappop(self._sleepers)
            woken.set()
            await _let_run()
        self._elapsed = end


async def _let_run() -> None:
    for _ in range(50):  # as many turns of the loop as the longest chain of awaits without I/O in the code under test
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds, for things that no event tells of. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - the one place where tests look again and again
            await asyncio.sleep(0.01)
