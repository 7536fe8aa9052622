"""Happenings from whoever sees them to whoever wants to hear, over all processes, through one table."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from facility.errors import StoreFailed
from facility.service.clock import Clock
from facility.service.events.happening_store import HappeningStore, Told
from facility.service.events.happenings import Happening

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks for what other processes told
MOST_UNTOLD = 10_000  # that wait while the database cannot be written

Hear = Callable[[Told], None]
"""Hears one; it must not wait: take a note, and act on it later."""


class Telling:
    """What happens is told here, and heard in every process in the same order, each thing once.

    A process that starts hears what was told in the last day, so that nothing is lost while it was away.
    """

    def __init__(self, store: HappeningStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._hearers: list[Hear] = []
        self._untold: deque[Happening] = deque(maxlen=MOST_UNTOLD)
        self._woken = asyncio.Event()
        self._last = 0

    def tell(self, happening: Happening) -> None:
        """Tell everybody; never waits."""
        self._untold.append(happening)
        self._woken.set()

    def hear(self, hearer: Hear) -> None:
        """Let `hearer` hear everything that is told from now on, and in the last day if `run` has not begun."""
        self._hearers.append(hearer)

    async def run(self) -> None:
        """Carry what is told, for ever."""
        while True:
            self._woken.clear()
            try:
                await self.carry()
            except StoreFailed as error:
                log.warning("%d happenings wait to be told: %s", len(self._untold), error)
                await self._clock.sleep(LOOK)
            try:
                async with asyncio.timeout(LOOK):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def carry(self) -> None:
        """Store what was told here, and hear what is new. Raises StoreFailed, and then nothing is lost."""
        if batch := list(self._untold):
            await asyncio.to_thread(self._store.add, batch, self._clock.now())
            for happening in batch:
                if self._untold and self._untold[0] is happening:
                    self._untold.popleft()
        while told := await asyncio.to_thread(self._store.after, self._last):
            for one in told:
                self._last = one.id
                for hearer in self._hearers:
                    hearer(one)
