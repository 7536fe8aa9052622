"""One poller a cluster, however many processes serve: who holds the lock polls, the others follow it on a socket."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from facility.errors import FacilityError, Unreachable
from facility.models import Job
from facility.service.clock import Clock
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.door import Door, socket_path
from facility.service.scheduler.facts import Facts
from facility.service.scheduler.follower import Listener
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.poller import AlreadyPolled, Poller, only_poller

log = logging.getLogger(__name__)

PAUSE = 0.2  # seconds until a process that found neither the lock nor a line tries both again


class Polling:
    """What the routes ask about jobs, whether this process polls or follows another of the same state directory.

    When the polling process ends, one of the others polls on, with what it has seen.
    """

    def __init__(self, poller: Poller, ledger: Ledger, broadcast: Broadcast, facts: Facts, clock: Clock) -> None:
        self.own = poller  # at work only while this process polls
        self._ledger = ledger
        self._broadcast = broadcast
        self._facts = facts
        self._budget = poller.budget
        self._clock = clock
        self._listener = Listener(ledger, broadcast, facts, poller.watched)
        self._door = Door(poller, ledger, facts)
        self.is_polling = False
        self.watched = poller.watched

    async def run(self, state: Path, period: float) -> None:
        """Poll, or follow whoever does, for ever."""
        folder = os.open(state, os.O_PATH | os.O_DIRECTORY)
        try:
            while True:
                try:
                    with only_poller(state):
                        await self._poll(socket_path(folder), period)
                except AlreadyPolled:
                    await self._follow(socket_path(folder))
        finally:
            os.close(folder)

    async def look(self, job_id: str) -> Job:
        """One job now, asked of the scheduler. Raises like `Poller.look`, and Unreachable between two pollers."""
        return await (self.own if self.is_polling else self._listener).look(job_id)

    async def leave_for(self, rpcs: float) -> None:
        """Leave for an estimate, of whoever polls: see `Poller.leave_for`. Raises Unreachable between two pollers."""
        await (self.own if self.is_polling else self._listener).leave_for(rpcs)

    def hint(self, job_id: str) -> None:
        """Something happened to this job: see `Poller.hint`."""
        (self.own if self.is_polling else self._listener).hint(job_id)

    async def _poll(self, path: Path, period: float) -> None:
        self._ledger.lead()
        self._broadcast.observe(self._door)
        self.is_polling = True
        try:
            async with self._door.open(path), asyncio.TaskGroup() as tasks:
                tasks.create_task(self.own.run(period))
                tasks.create_task(self._facts.keep(self._budget))
        finally:
            self.is_polling = False

    async def _follow(self, path: Path) -> None:
        """Follow the process that polls until the line to it ends."""
        try:
            await self._listener.follow(path)
        except Unreachable as error:
            log.debug("following the poller: %s", error)
        except FacilityError as error:
            log.error("the process that polls cannot be followed: %s", error)
        await self._clock.sleep(PAUSE)
