"""The one poller: looks at the whole queue for everybody, and at single jobs when something hints at them."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from facility.errors import Busy, FacilityError, NotFound, Unreadable
from facility.models import Job
from facility.pace import pause_after, pause_failing
from facility.providers.slurm import Slurm
from facility.service.clock import Clock
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import (
    ESTIMATES_CREDIT,
    ESTIMATES_RATE,
    HINTS_CREDIT,
    HINTS_RATE,
    Budget,
)
from facility.service.scheduler.ledger import Ledger
from facility.service.watched import Watched

log = logging.getLogger(__name__)

QUEUE_RPCS = 2  # squeue asks for the jobs and for the partitions
SETTLED_AT_ONCE = 200  # suspects that accounting is asked about in one question
ASKED_SINGLY = 5  # those it cannot tell of, in one round: each costs RPCs
HINTS_KEPT = 1000


class Poller:
    """Keeps the ledger true and tells the broadcast.

    Background questions share `budget`; what people ask (`look`) has its own allowance, and the same job is never
    asked for twice at a time. Looks that hints bring are part of the background, however many act or hint.
    """

    def __init__(self, slurm: Slurm, ledger: Ledger, broadcast: Broadcast, budget: Budget, clock: Clock) -> None:
        self._slurm = slurm
        self._ledger = ledger
        self._broadcast = broadcast
        self.budget = budget
        self._allowance = Budget(clock, rate=4.0, credit=40.0)  # of people's own verbs: 2 jobs a second, 20 at once
        self._estimates = Budget(clock, ESTIMATES_RATE, ESTIMATES_CREDIT)
        self._leave = Budget(clock, HINTS_RATE, HINTS_CREDIT)  # of looks out of turn, which the turns pay for
        self._clock = clock
        self._looks: dict[str, asyncio.Task[Job | None]] = {}
        self._hints: dict[str, None] = {}
        self._hinted = asyncio.Event()
        self._answer_took = 0.0  # seconds that the scheduler needed for its last answer
        self.watched = Watched("scheduler", clock)

    async def run(self, period: float) -> None:
        """Poll for ever, every `period` seconds at most, slower for a long queue and after failures."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_hints())
            failing_since: float | None = None
            while True:
                began = self._clock.monotonic()
                try:
                    await self.poll()
                    failing_since = None
                except FacilityError as error:
                    failing_since = began if failing_since is None else failing_since
                    log.debug("queue not seen: %s", error)
                except Exception as error:  # noqa: BLE001 - the outermost loop: a mistake must not end the polling
                    failing_since = began if failing_since is None else failing_since
                    self.watched.failed(error)
                spent = self._clock.monotonic() - began
                await self._clock.sleep(self._pause(period, spent, failing_since))

    async def poll(self) -> None:
        """One look at the whole queue, and at those that are missing from it. Raises the scheduler's failure."""
        await self.budget.spend(QUEUE_RPCS)
        async with self.watched.use():
            asked, hinted = self._clock.monotonic(), tuple(self._hints)
            listing = await self._slurm.listing()
            self._answer_took = self._clock.monotonic() - asked
            is_first = self._ledger.taken is None
            self._broadcast.publish(self._ledger.take(listing, self._clock.now()))
            if listing.malformed:
                raise Unreadable(f"squeue printed {listing.malformed} rows that cannot be read; absences do not count")
        self._answered(hinted)
        if is_first and self._ledger.taken:
            self._broadcast.resync()
        self._broadcast.polled()
        await self._settle()

    async def log_path(self, job_id: str) -> tuple[str, str]:
        """Whose job it is and where it prints to; ("", "") where that is forgotten. Raises Busy like `look`."""
        if wait := self._allowance.take(QUEUE_RPCS):
            raise Busy("many jobs are being looked at; ask again in a moment", wait)
        return await self._slurm.log_path(job_id)

    async def leave_for(self, rpcs: float) -> None:
        """Leave for an estimate of so many RPCs, which the looks at the queue pay for. Raises Busy."""
        if wait := self._estimates.take(rpcs):
            raise Busy("many estimates are being asked for; ask again in a moment", wait)
        self.budget.owe(rpcs)

    async def look(self, job_id: str) -> Job:
        """One job now, by a question about it alone; several askers share one question.

        Raises NotFound where the scheduler positively knows no such job, Busy when too much is asked.
        """
        if job_id not in self._looks and (wait := self._allowance.take(QUEUE_RPCS)):
            raise Busy("many jobs are being looked at; ask again in a moment", wait)
        return await self._look_together(job_id)

    async def _look_together(self, job_id: str) -> Job:
        task = self._looks.get(job_id)
        if task is None:
            task = self._looks[job_id] = asyncio.create_task(self._look(job_id))
            task.add_done_callback(lambda _: self._looks.pop(job_id, None))
        job = await asyncio.shield(task)  # who gives up does not take the answer from the others
        if job is None:
            raise NotFound(f"the scheduler knows no job {job_id}")
        return job

    def hint(self, job_id: str) -> None:
        """Something happened to this job: it is looked at now, or with the queue. A hint proves nothing by itself."""
        if len(self._hints) < HINTS_KEPT:
            self._hints[job_id] = None
            self._hinted.set()

    async def _look(self, job_id: str) -> Job | None:
        async with self.watched.use():
            job = await self._slurm.job(job_id)
        if job and (self._ledger.job(job_id) or not job.state.is_final):
            self._broadcast.publish(self._ledger.put(job))
        return job

    async def _follow_hints(self) -> None:
        """Look at what was hinted at while there is leave to; what is left is in the next look at the queue."""
        while True:
            await self._hinted.wait()
            if wait := self._leave.take(QUEUE_RPCS):
                await self._clock.sleep(wait)
                continue
            self.budget.owe(QUEUE_RPCS)
            job_id = next(iter(self._hints))
            try:
                await self._look_together(job_id)
            except FacilityError as error:
                log.debug("hint about job %s: %s", job_id, error)
            self._answered([job_id])

    def _answered(self, job_ids: Iterable[str]) -> None:
        for job_id in job_ids:
            self._hints.pop(job_id, None)
        if not self._hints:
            self._hinted.clear()

    async def _settle(self) -> None:
        """Find out about jobs that two complete answers lacked: accounting for many at once, else one by one."""
        suspects = self._ledger.suspects()[:SETTLED_AT_ONCE]
        if not suspects:
            return
        await self.budget.spend(1)
        try:
            records = await self._slurm.records(suspects)
        except FacilityError as error:
            log.debug("accounting did not answer about %d jobs: %s", len(suspects), error)
            records = {}
        for job_id, record in records.items():
            self._broadcast.publish(self._ledger.settle(job_id, record))
        for job_id in self._ledger.suspects()[:ASKED_SINGLY]:
            await self.budget.spend(QUEUE_RPCS)
            try:
                job = await self._slurm.job(job_id)
            except FacilityError as error:
                log.info("job %s is missing from the queue, and cannot be asked for: %s", job_id, error)
                continue  # unknown: it stays as it was last told, and is asked for again
            alive = job is not None and not job.state.is_final
            self._broadcast.publish(self._ledger.put(job) if alive and job else self._ledger.settle(job_id, job))

    def _pause(self, period: float, spent: float, failing_since: float | None) -> float:
        """The pause after a look: a tenth of the time that the scheduler has been failing is soon enough.

        `spent` holds the wait for the budget's turn too, which costs the scheduler nothing and is not multiplied.
        """
        if failing_since is None:
            return pause_after(period, took=self._answer_took, spent=spent)
        return pause_failing(period, self._clock.monotonic() - failing_since)


class AlreadyPolled(FacilityError):
    """Another process polls; the message names it."""


@contextmanager
def only_poller(state: Path) -> Iterator[None]:
    """Be the one poller of this state directory. Raises AlreadyPolled where there is one."""
    with (state / "poller.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise AlreadyPolled(f"process {owner} already polls for {state}") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
