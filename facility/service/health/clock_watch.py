"""Notices when the machine's time of day is set: what was signed or stored before may then be refused, or seem late."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from facility.errors import FacilityError
from facility.service.clock import Clock
from facility.service.watched import Watched

LOOK = 5.0  # seconds between two looks
STEP = timedelta(seconds=5)  # a slewing clock is never off by so much between two looks
REMEMBERED = 600.0  # seconds that a step is shown


class ClockDiffers(FacilityError):
    """The time of day was set."""


class ClockWatch:
    """Compares the time of day with a clock that cannot be set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._origin()
        self._stepped_at = float("-inf")
        self._words = ""
        self.watched = Watched("clock", clock)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            with suppress(ClockDiffers):  # it is shown, and goes by itself
                async with self.watched.use():
                    self.look()
            await self._clock.sleep(LOOK)

    def look(self) -> None:
        """Raises ClockDiffers for a while after the time of day was set."""
        origin = self._origin()
        step = origin - self._began
        if abs(step) > STEP:
            self._began, self._stepped_at = origin, self._clock.monotonic()
            self._words = (
                f"the clock differs: it was set by {step.total_seconds():+.0f} s; tokens and times from before"
                " may seem to have ended, or not to have begun. Look at this machine's NTP"
            )
        if self._clock.monotonic() - self._stepped_at < REMEMBERED:
            raise ClockDiffers(self._words)

    def _origin(self) -> datetime:
        """The time of day at which the other clock was zero: it stays the same while nobody sets anything."""
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())
