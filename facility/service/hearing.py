"""What happens, from whoever sees it to event streams and callbacks: the parts for that, and their background work."""

from __future__ import annotations

from collections.abc import Coroutine

from facility.profile import Profile
from facility.providers.slurm import Slurm
from facility.service.bookings.schedule import Schedule
from facility.service.callbacks.catching_up import keep_up
from facility.service.callbacks.service import Callbacks
from facility.service.clock import Clock
from facility.service.database import Database
from facility.service.events.happening_store import HappeningStore
from facility.service.events.telling import Telling
from facility.service.health.resource_watch import ResourceWatch
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import Budget
from facility.service.scheduler.facts import Facts
from facility.service.scheduler.ledger import Ledger
from facility.service.watched import Watched


class Hearing:
    """Made once a process. `tell` takes what happens; streams of this process and all callbacks hear it."""

    def __init__(
        self, profile: Profile, database: Database, ledger: Ledger, broadcast: Broadcast, clock: Clock
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._broadcast = broadcast
        self._telling = Telling(HappeningStore(database), clock)
        self.tell = self._telling.tell
        self.callbacks = Callbacks(profile, database, clock, ledger.job)
        self._telling.hear(broadcast.happened)

    async def run(self) -> None:
        """Let event streams hear, for ever."""
        await self._telling.run()

    def keep_telling(
        self, slurm: Slurm, facts: Facts, budget: Budget, watched: tuple[Watched, ...]
    ) -> tuple[Coroutine[None, None, None], ...]:
        """The work of the process that serves callbacks: hear, watch reservations and resources, send."""
        self._telling.hear(lambda told: self.callbacks.hear(told.happening))
        self._broadcast.hear(self.callbacks.hear_jobs)
        schedule = Schedule(facts, self.tell, self._clock)
        up = keep_up(self.callbacks, slurm.history, lambda: self._ledger.taken, budget, self._clock)
        resources = ResourceWatch(facts, lambda: [each.subsystem for each in watched], self.tell, self._clock)
        return (self.callbacks.run(), schedule.run(), resources.run(), up)
