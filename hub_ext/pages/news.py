"""What the facility last said of itself: asked for in the background, so that no page ever waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from facility.errors import FacilityError
from facility.status import Board

log = logging.getLogger("beamside.pages")

PATIENCE = 20.0
"""Seconds after which an answer is no longer waited for."""


@dataclass(frozen=True)
class Heard:
    """The last board that came, and why none came since."""

    board: Board | None = None  # None before the first answer
    at: datetime | None = None  # when it came
    problem: str = ""  # why the last question had no answer; empty where it had
    since: datetime | None = None  # since when there is none

    def age(self, now: datetime) -> timedelta | None:
        """How old the board is; None where there is none."""
        return None if self.at is None else max(now - self.at, timedelta(0))


class News:
    """One question in `every` seconds for a whole hub, whatever the number of pages that are drawn from its answer.

    Parameters
    ----------
    ask : asks the facility for its board, once; may raise FacilityError.
    every : seconds from one question to the next.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[Board]], every: float, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._ask = ask
        self._every = every
        self._now = now
        self.heard = Heard()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self.look()
            except Exception as error:  # the outermost loop: a mistake must not end it
                log.error("the facility's announcements could not be read for a mistake", exc_info=error)
            await asyncio.sleep(max(began + self._every - asyncio.get_running_loop().time(), 0))

    async def look(self) -> None:
        """Ask once; where no answer comes, what was known stays, with since when nothing new is."""
        try:
            async with asyncio.timeout(PATIENCE):
                board = await self._ask()
        except (FacilityError, TimeoutError) as error:
            was = self.heard
            words = str(error) or "the facility service gave no answer in time"
            if was.since is None:
                log.warning("no announcements of the facility can be had: %s", words)
            self.heard = Heard(was.board, was.at, words, was.since or self._now())
            return
        if self.heard.since is not None:
            log.info("the facility's announcements can be had again")
        self.heard = Heard(board, self._now())
