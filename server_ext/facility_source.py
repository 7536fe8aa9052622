"""The user's jobs from the facility service: one upstream stream per server, however many tabs look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

from facility.client import FacilityClient
from facility.feed import STALE, JobFeed
from facility.models import Job
from server_ext.ahead import Around, uses
from server_ext.board import JobBoard
from server_ext.problems import BY_ITSELF, Problem
from server_ext.source import SourceName

GRACE = 3.0
"""Seconds without a stream that are no news: a reconnect is not worth a banner."""

GATHER = 0.05
"""Seconds in which the changes of one poll are put together into one event."""


class FacilitySource:
    """Follows the facility's feed, and says on the board when that is cut, or has nothing new from the scheduler."""

    name: SourceName = "facility"

    def __init__(self, connect: Callable[[], FacilityClient], user: str, board: JobBoard, *, system: str) -> None:
        self._connect = connect
        self._user = user
        self._system = system  # the name of the one that the jobs are on
        self._board = board
        self._feed: JobFeed | None = None
        self._news = asyncio.Event()
        self._cut_at: float | None = None

    async def run(self) -> None:
        """Follow the feed until cancelled; the feed itself reconnects."""
        async with self._connect() as client, JobFeed(client, self._user) as feed, asyncio.TaskGroup() as tasks:
            self._feed = feed
            tasks.create_task(self._hear(feed))
            tasks.create_task(self._keep_board(feed))

    async def look(self) -> None:
        """Nothing to do: the board follows by itself."""

    async def cancel(self, job_id: str) -> None:
        """Ask the service, which cancels as the user, and then looks at the job by itself."""
        async with self._connect() as client:
            await client.cancel(job_id)

    async def around(self, job: Job) -> Around:
        """Two questions that the service answers from what it knows; one where the job is in no reservation."""
        async with self._connect() as client:
            outages = uses(job, await client.outages(), self._system, datetime.now(UTC))
            if not job.reservation:
                return Around(outages=outages)
            known = await client.reservations()
        told = (*known.reservations, *known.near)
        booked = next((one for one in told if one.name == job.reservation), None)
        ends = None if booked is None or booked.is_flexible else booked.ends
        return Around(ends, booked is None and not known.problem, outages)

    def statistics(self) -> dict[str, object]:
        """The feed's own figures, and the age of what it holds in seconds."""
        if self._feed is None:
            return {}
        age = self._feed.age
        return asdict(self._feed.statistics()) | {"age": None if age is None else age.total_seconds()}

    async def _hear(self, feed: JobFeed) -> None:
        async for _change in feed.listen():
            self._news.set()

    async def _keep_board(self, feed: JobFeed) -> None:
        while True:
            try:
                async with asyncio.timeout(1.0):  # a cut or an ageing feed gives no news
                    await self._news.wait()
                await asyncio.sleep(GATHER)
            except TimeoutError:
                pass
            self._news.clear()
            self._update(feed)

    def _update(self, feed: JobFeed) -> None:
        if problem := self._trouble(feed):
            self._board.lose(problem)
        elif snapshot := feed.snapshot:
            self._board.show(snapshot.jobs, snapshot.taken)

    def _trouble(self, feed: JobFeed) -> Problem | None:
        statistics = feed.statistics()
        self._cut_at = None if statistics.connected else self._cut_at or time.monotonic()
        if self._cut_at is not None and time.monotonic() - self._cut_at > GRACE:
            return _to_wait_for(statistics.last_error or "The facility service gives no answer.")
        if feed.age is not None and feed.age > STALE:
            return _to_wait_for("The facility service hears nothing from the scheduler.")
        return None


def _to_wait_for(what: str) -> Problem:
    return Problem(what, "your jobs", BY_ITSELF, 503)
