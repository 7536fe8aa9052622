"""The listener's end of the one poller: a live copy of the jobs, and every change as it comes."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType

from facility.client import FacilityClient
from facility.errors import Busy, FacilityError, NotFound, Unreadable
from facility.models import Job, JobChange, JobSnapshot, Life
from facility.sse import Event
from facility.wire import decode

log = logging.getLogger(__name__)

STALE = timedelta(seconds=60)
"""A copy older than this no longer proves that a job is alive."""

REMEMBERED = 10_000
"""How many jobs that the scheduler forgot a feed still knows to be gone."""

LONGEST_REST = 60.0  # seconds for which a service that asks to be left alone is
LONGEST_PAUSE = 15.0  # seconds between two attempts to reach the service again


@dataclass(frozen=True)
class FeedStatistics:
    """How a feed fares."""

    connected: bool
    connections: int  # how often the stream was opened
    changes: int  # changes given to listeners since the start
    listeners: int
    last_error: str  # why the stream last broke; empty when it never did


class JobFeed:
    """A live copy of the jobs that the service polls.

    Use it as ``async with JobFeed(client) as feed``. It reconnects by itself; where changes may have been missed it
    fetches the snapshot again and gives the differences to the listeners, so that a listener sees every job's last
    state. A job that is missing from such a snapshot is asked for by itself before it counts as gone.

    Parameters
    ----------
    client : the facility service.
    user : whose jobs; empty for all that the client's token may see.
    """

    def __init__(self, client: FacilityClient, user: str = "") -> None:
        self._client = client
        self._user = user
        self._jobs: dict[str, Job] = {}
        self._gone: dict[str, None] = {}  # the last REMEMBERED that went, in their order
        self._missing: set[str] = set()  # absent from a snapshot after a gap, and not yet asked for
        self._version = 0
        self._taken: datetime | None = None
        self._last_id = ""
        self._listeners: set[_Listener] = set()
        self._connected = asyncio.Event()
        self._connections = self._changes = 0
        self._last_error = ""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> JobFeed:
        self._task = asyncio.create_task(self._follow(), name="job feed")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def snapshot(self) -> JobSnapshot | None:
        """All jobs as last told; None before the first answer."""
        return JobSnapshot(self._version, self._taken, tuple(self._jobs.values())) if self._taken else None

    @property
    def age(self) -> timedelta | None:
        """Since the last complete look at the queue that we know of; None before the first."""
        return datetime.now(UTC) - self._taken if self._taken else None

    def latest(self, job_id: str) -> Job | None:
        """The job as last told; None where the feed does not hold it, which says nothing: see `life`."""
        return self._jobs.get(job_id)

    def life(self, job_id: str) -> Life:
        """Alive, gone (it ended, or the scheduler forgot it) or unknown (never seen, or the copy is too old)."""
        job = self._jobs.get(job_id)
        if job_id in self._gone or (job and job.state.is_final):
            return Life.GONE
        fresh = self.age is not None and self.age < STALE
        return Life.ALIVE if job and fresh and job_id not in self._missing else Life.UNKNOWN

    def statistics(self) -> FeedStatistics:
        """How the feed fares now."""
        return FeedStatistics(
            self._connected.is_set(), self._connections, self._changes, len(self._listeners), self._last_error
        )

    async def wait_connected(self) -> None:
        """Wait until a first snapshot is there and the stream is open. Cancelling leaves the feed as it was."""
        await self._connected.wait()

    async def listen(self) -> AsyncIterator[JobChange]:
        """Every change from now on. A slow listener gets the last state of each job, never an unbounded queue."""
        listener = _Listener()
        self._listeners.add(listener)
        try:
            while True:
                yield await listener.next()
        finally:
            self._listeners.discard(listener)

    async def _follow(self) -> None:
        failures = 0
        while True:
            wanted = 0.0
            try:
                async with self._client.events(self._user, self._last_id) as events:
                    self._connections += 1
                    async for event in events:
                        failures = 0
                        await self._take(event)
                self._last_error = "the facility service ended the stream"
            except FacilityError as error:
                self._last_error = str(error)
                wanted = min(error.retry_after, LONGEST_REST) if isinstance(error, Busy) else 0.0
                log.info("job feed interrupted: %s", error)
            except Exception as error:  # the outermost loop: a mistake must not end the listening
                self._last_error = repr(error)
                log.error("job feed interrupted by a mistake", exc_info=error)
            self._connected.clear()
            failures += 1
            pause = min(0.25 * 2**failures, LONGEST_PAUSE)
            pause *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads listeners, guards nothing
            await asyncio.sleep(max(pause, wanted))

    async def _take(self, event: Event) -> None:
        try:
            found = json.loads(event.data)
        except ValueError as error:
            raise Unreadable(f"event {event.name} is not JSON", event.data) from error
        if event.name == "snapshot":
            self._replace(decode(JobSnapshot, found))
            self._connected.set()
        elif event.name == "change":
            change = decode(JobChange, found)
            if change.version > self._version:  # else it is older than the snapshot we hold
                self._apply(change)
            self._connected.set()  # a stream that goes on from our last id begins without a snapshot
        elif event.name == "polled":
            self._taken = datetime.fromisoformat(found["taken"])
            self._connected.set()
        self._last_id = event.id or self._last_id
        await self._ask_for_missing()

    def _replace(self, snapshot: JobSnapshot) -> None:
        """Take a whole snapshot; what it lacks is kept until it has been asked for."""
        self._taken, self._version = snapshot.taken, snapshot.version
        told = {job.id: job for job in snapshot.jobs}
        for job in told.values():
            if self._jobs.get(job.id) != job:
                self._apply(JobChange(snapshot.version, job.id, job))
        for job_id in set(self._jobs) - set(told):
            if self._jobs[job_id].state.is_final:
                self._apply(JobChange(snapshot.version, job_id, None))
            else:
                self._missing.add(job_id)

    def _apply(self, change: JobChange) -> None:
        self._version = max(self._version, change.version)
        self._missing.discard(change.job_id)
        if change.job is None:
            self._jobs.pop(change.job_id, None)
            self._gone[change.job_id] = None
            if len(self._gone) > REMEMBERED:
                del self._gone[next(iter(self._gone))]
        else:
            self._jobs[change.job_id] = change.job
            self._gone.pop(change.job_id, None)  # requeued, or a job id that came round again
        self._changes += 1
        for listener in self._listeners:
            listener.put(change)

    async def _ask_for_missing(self) -> None:
        """Ask for what the last snapshot lacks; one without an answer is asked for at the next event."""
        for job_id in sorted(self._missing):
            try:
                self._apply(JobChange(self._version, job_id, await self._client.job(job_id)))
            except NotFound:
                self._apply(JobChange(self._version, job_id, None))
            except FacilityError as error:
                self._last_error = str(error)
                return


class _Listener:
    """What one listener has not taken yet: per job the last change, in the order of their first."""

    def __init__(self) -> None:
        self._changes: dict[str, JobChange] = {}
        self._something = asyncio.Event()

    def put(self, change: JobChange) -> None:
        self._changes[change.job_id] = change
        self._something.set()

    async def next(self) -> JobChange:
        await self._something.wait()
        change = self._changes.pop(next(iter(self._changes)))
        if not self._changes:
            self._something.clear()
        return change
