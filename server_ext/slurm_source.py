"""The user's own jobs by Slurm's commands, where no facility service is: only while somebody looks, and seldom."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator

from facility.errors import FacilityError, NotFound, Unreadable
from facility.models import Job
from facility.providers.slurm import Slurm
from server_ext.ahead import Around
from server_ext.board import JobBoard
from server_ext.problems import problem_of
from server_ext.source import SourceName

SHARE = 0.1
"""At most this part of the time is spent in a query, so that a slow scheduler is asked less often."""


class SlurmSource:
    """Asks for one user's jobs at most every `period` seconds, while a panel is in sight."""

    name: SourceName = "slurm"

    def __init__(
        self, slurm: Slurm, user: str, board: JobBoard, *, period: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._slurm = slurm
        self._user = user
        self._board = board
        self._period = period
        self._clock = clock
        self._due = clock()
        self._asked = 0
        self._watchers = 0
        self._watched = asyncio.Event()
        self._turn = asyncio.Lock()  # a second look joins the first instead of asking again

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody looks while this block lasts."""
        self._watchers += 1
        self._watched.set()
        try:
            yield
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._watched.clear()

    async def run(self) -> None:
        """Look whenever it is due, as long as somebody watches."""
        while True:
            await self._watched.wait()
            await self.look()
            await asyncio.sleep(max(self._due - self._clock(), 0.05))

    async def look(self) -> None:
        """Ask Slurm unless the last answer is younger than the period."""
        async with self._turn:
            if self._clock() >= self._due:
                await self._ask()

    async def cancel(self, job_id: str) -> None:
        """Run scancel as this user, then look as soon as anybody asks. Raises NotFound for a job nobody knows."""
        if job_id not in (self._board.jobs or {}) and await self._slurm.job(job_id) is None:
            raise NotFound(f"Slurm knows no job {job_id}")
        await self._slurm.cancel(job_id, user=self._user)
        self._due = self._clock()

    async def around(self, job: Job) -> Around:
        """Nothing: Slurm is not asked for more than one's jobs."""
        return Around()

    def statistics(self) -> dict[str, object]:
        """How often Slurm was asked, and for how many panels."""
        return {"looks": self._asked, "watchers": self._watchers, "period": self._period}

    async def _ask(self) -> None:
        began = self._clock()
        self._asked += 1
        try:
            listing = await self._slurm.listing(user=self._user)
            if listing.malformed:  # a job that is missing from a torn answer has not ended
                raise Unreadable(f"{listing.malformed} rows of squeue's answer cannot be read")
        except FacilityError as error:
            self._board.lose(problem_of(error, "your jobs"))
        else:
            self._board.show(listing.jobs, self._board.time)
        finally:
            ended = self._clock()
            self._due = ended + max(self._period, (ended - began) / SHARE)
