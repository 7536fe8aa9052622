"""What changes slowly: accounts, QOS, partitions and reservations, asked in the background and kept when that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from facility.errors import FacilityError, Unreachable
from facility.models import Partition, Qos, Reservation
from facility.providers.slurm import Slurm
from facility.providers.slurm.sacctmgr import Associations
from facility.service.clock import Clock
from facility.service.scheduler.budget import Budget
from facility.service.watched import Watched

log = logging.getLogger(__name__)
T = TypeVar("T")

RETRY = 15.0
"""Seconds until a question that failed is asked again, unless its own period is shorter."""


@dataclass(frozen=True)
class Known(Generic[T]):
    """A fact with its age; `problem` says why it is an older one."""

    value: T
    as_of: datetime
    problem: str = ""


class Fact(Generic[T]):
    """One question that is asked every `period` seconds and costs `rpcs`."""

    def __init__(
        self,
        name: str,
        ask: Callable[[], Awaitable[T]],
        period: float,
        rpcs: float,
        clock: Clock,
        kind: type[T] | None = None,  # how processes tell it to each other; None: each asks for itself
    ) -> None:
        self.name = name
        self.kind = kind
        self._ask = ask
        self._period = period
        self._rpcs = rpcs
        self._clock = clock
        self._known: Known[T] | None = None
        self._asked = asyncio.Event()
        self.watched = Watched(name, clock)

    @property
    def latest(self) -> Known[T] | None:
        """The last good answer; None before the first."""
        return self._known

    def adopt(self, known: Known[T]) -> None:
        """Take over what another process was answered."""
        self._known = known
        self._asked.set()

    async def known(self) -> Known[T]:
        """The last good answer; waits for the first one. Raises Unreachable where there has been none."""
        if self._known is None:
            await self._asked.wait()
        if self._known is None:
            raise Unreachable(f"{self.watched.name} not known yet: {self.watched.subsystem.last_error}")
        return self._known

    async def refresh(self, budget: Budget) -> None:
        """Ask when it is its turn. A failure keeps the last good answer and its age."""
        await budget.spend(self._rpcs)
        await self._look()

    async def refresh_now(self, budget: Budget) -> None:
        """Ask out of turn, because somebody has just changed it; the turns that follow pay for it."""
        budget.owe(self._rpcs)
        await self._look()

    async def _look(self) -> None:
        try:
            async with self.watched.use():
                self._known = Known(await self._ask(), self._clock.now())
        except FacilityError as error:
            if self._known:
                self._known = Known(self._known.value, self._known.as_of, f"{self.watched.name}: {error}")
        self._asked.set()

    async def keep(self, budget: Budget) -> None:
        """Ask for ever."""
        while True:
            try:
                await self.refresh(budget)
            except Exception as error:  # noqa: BLE001 - the outermost loop: a mistake must not end the asking
                self.watched.failed(error)
            failed = self._known is None or self._known.problem
            await self._clock.sleep(min(self._period, RETRY) if failed else self._period)


class Facts:
    """All slow facts of one system."""

    def __init__(self, slurm: Slurm, clock: Clock) -> None:
        self.reservations = Fact[tuple[Reservation, ...]](
            "reservations", slurm.reservations, 30.0, 1, clock, tuple[Reservation, ...]
        )
        self.partitions = Fact[tuple[Partition, ...]](
            # two for sinfo; now and then their billing weights are asked for too
            "partitions",
            slurm.partitions,
            60.0,
            3,
            clock,
            tuple[Partition, ...],
        )
        self.associations = Fact[Associations]("accounting", slurm.associations, 300.0, 3, clock, Associations)
        self.qos = Fact[tuple[Qos, ...]]("QOS", slurm.qos, 300.0, 1, clock, tuple[Qos, ...])

    @property
    def all(self) -> tuple[Fact[Any], ...]:
        """Every fact, those first that most depends on."""
        return (self.associations, self.reservations, self.qos, self.partitions)

    async def keep(self, budget: Budget) -> None:
        """Ask for all of them for ever."""
        async with asyncio.TaskGroup() as tasks:
            for fact in self.all:
                tasks.create_task(fact.keep(budget))

    async def is_operator(self, user: str) -> bool:
        """Whether accounting calls `user` an operator or administrator; nobody is one while that is not known."""
        try:
            return user in (await self.associations.known()).value.operators
        except Unreachable:
            return False
