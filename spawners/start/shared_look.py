"""One look at the queue for all servers that the feed does not tell of, most often as the facility service is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from facility.errors import FacilityError
from facility.feed import STALE
from facility.models import Job
from facility.pace import pause_after, pause_failing
from spawners.start.together import Holding, Questions

ASK_EVERY = 10.0
"""Seconds between two looks, and from the moment a job is missed to the first: the feed may just be starting."""

FORGOTTEN_AFTER = 600.0
"""Seconds after which a job that nobody asked about is left out."""

log = logging.getLogger("beamside.look")


@dataclass(frozen=True)
class Told:
    """What a view of the queue tells of one job."""

    job: Job | None = None
    absent_from: datetime | None = None  # when the complete view was taken that does not hold the job
    problem: str = ""  # why nothing is known, where nothing is


@dataclass(frozen=True)
class _View:
    taken: datetime
    jobs: Mapping[str, Job]
    asked: frozenset[str]
    problem: str  # why absence from it proves nothing; empty where it is complete

    def tell(self, job_id: str) -> Told:
        if job_id in self.jobs:
            return Told(self.jobs[job_id])
        if job_id not in self.asked:
            return Told()
        return Told(problem=self.problem) if self.problem else Told(absent_from=self.taken)


class SharedLook:
    """The jobs that are missed, looked for together: one command whatever their number, and never two at a time."""

    def __init__(self, scheduler: Questions) -> None:
        self._scheduler = scheduler
        self._missed: dict[str, list[float]] = {}  # since when, and when it was asked about last (monotonic)
        self._view: _View | None = None
        self._problem = ""  # why the last look failed; empty where it did not
        self._due = 0.0  # before this nobody looks again
        self._failing_since: float | None = None
        self._looking: asyncio.Task[None] | None = None

    def drop(self, job_id: str) -> None:
        """The feed tells of this job again, or nobody cares any more."""
        self._missed.pop(job_id, None)

    async def tell(self, job_id: str) -> Told:
        """What is known of a job that the feed does not tell of; looks where it is time. Never raises FacilityError."""
        now = monotonic()
        times = self._missed.setdefault(job_id, [now, now])
        times[1] = now
        if self._looking is None and now >= max(times[0] + ASK_EVERY, self._due):
            self._looking = asyncio.create_task(self._look(), name="look for jobs that the feed does not tell of")
        if self._looking is not None:
            await asyncio.shield(self._looking)
        if self._problem:
            return Told(problem=self._problem)
        if self._view is None or datetime.now(UTC) - self._view.taken > STALE:
            return Told()
        return self._view.tell(job_id)

    async def _look(self) -> None:
        began, taken = monotonic(), datetime.now(UTC)
        try:
            self._missed = {one: times for one, times in self._missed.items() if began - times[1] < FORGOTTEN_AFTER}
            asked = frozenset(self._missed)
            self._seen(await self._scheduler.held(sorted(asked)), asked, taken, began)
        except FacilityError as error:
            self._failed(str(error), began)
            self._problem = str(error)
        except Exception as error:  # a mistake must end neither the looking nor anybody's server
            log.error("jobs could not be looked for for a mistake", exc_info=error)
            self._failed(repr(error), began)
            self._problem = repr(error)
        finally:
            self._looking = None

    def _seen(self, held: Holding, asked: frozenset[str], taken: datetime, began: float) -> None:
        words = f"squeue printed {held.malformed} rows that cannot be read" if held.malformed else ""
        self._view, self._problem = _View(taken, {job.id: job for job in held.jobs}, asked, words), ""
        if words:
            self._failed(words, began)
            return
        if self._failing_since is not None:
            log.info("the scheduler answers again about the jobs of %d servers", len(asked))
        self._failing_since = None
        ended = monotonic()
        self._due = ended + pause_after(ASK_EVERY, took=ended - began)

    def _failed(self, why: str, began: float) -> None:
        """Look again the later the longer it fails; the first failure is said once for all servers."""
        if self._failing_since is None:
            self._failing_since = began
            log.warning("nothing is known of the jobs of %d servers: %s; they are kept", len(self._missed), why)
        ended = monotonic()
        self._due = ended + pause_failing(ASK_EVERY, ended - self._failing_since)
