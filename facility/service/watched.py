"""What the service stands on, and since when each part is up or down."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from facility.answers import Subsystem
from facility.errors import FacilityError
from facility.service.clock import Clock

log = logging.getLogger(__name__)


class Watched:
    """One part: "unknown" until it was used, then "up" or "down" with the time of the last turn."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._state = "unknown"
        self._since = clock.now()
        self._last_error = ""

    @property
    def subsystem(self) -> Subsystem:
        """How it is now."""
        return Subsystem(self.name, self._state, self._since, self._last_error)

    @asynccontextmanager
    async def use(self) -> AsyncIterator[None]:
        """Note how a use of this part goes; its error goes on to the caller."""
        try:
            yield
        except FacilityError as error:
            self._last_error = str(error)
            self._turn("down")
            raise
        self._turn("up")

    def adopt(self, told: Subsystem) -> None:
        """Take over how another process found it."""
        self._last_error = told.last_error
        self._turn(told.state)
        self._since = told.since

    def failed(self, error: Exception) -> None:
        """Note a mistake of our own; it is logged with its traceback and shown like any failure."""
        log.error("%s: a mistake of the service", self.name, exc_info=error)
        self._last_error = f"a mistake of the service: {error!r}"
        self._turn("down")

    def _turn(self, state: str) -> None:
        if state != self._state:
            log.info("%s is %s%s", self.name, state, f": {self._last_error}" if state == "down" else "")
            self._state, self._since = state, self._clock.now()
