"""Adapting to the load, in whole blocks, inside the scheduler: it goes on when every kernel is dead."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import dask.config
from dask.utils import parse_timedelta
from distributed.deploy.adaptive_core import AdaptiveCore
from tornado.ioloop import PeriodicCallback

from dask_hpc.scheduling.keeper import Keeper
from dask_hpc.scheduling.table import Block, Phase

_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0  # after a refusal


class BlockAdaptive(AdaptiveCore):
    """Dask's adaptive scaling over the names of our workers, whose unit is a block.

    A block that waits in the queue is not cancelled while tasks wait for it. How many ranks gangs could use, all work
    being done in so many seconds, is `gangs`' answer.
    """

    def __init__(self, keeper: Keeper, gangs: Callable[[float], int]) -> None:
        super().__init__()
        self._keeper, self._table, self._gangs = keeper, keeper.table, gangs
        self._looks: PeriodicCallback | None = None
        self._target_duration = 0.0
        self._found: dict[int, int] = {}  # how many times in a row each block was found dispensable
        self._pause, self._not_before = _FIRST_PAUSE, 0.0

    # -- on and off ----------------------------------------------------------------------------------------------------

    def adapt_to(
        self,
        minimum: int,
        maximum: int | None,
        interval: str | float | None = None,
        wait_count: int | None = None,
        target_duration: str | float | None = None,
    ) -> None:
        """Adapt from now on, between `minimum` and `maximum` workers; None stands for Dask's own default."""
        self.stop()
        known = dask.config.get("distributed.adaptive")
        self.minimum, self.maximum = minimum, math.inf if maximum is None else maximum
        self.wait_count = known["wait-count"] if wait_count is None else wait_count
        self._target_duration = parse_timedelta(target_duration or known["target-duration"])
        seconds = parse_timedelta(interval or known["interval"])
        self._looks = PeriodicCallback(self.adapt, seconds * 1000)
        self._looks.start()
        self._keeper.tell(f"adapting between {minimum} and {self.maximum} workers")

    def stop(self) -> None:
        """Leave the number of blocks as it is."""
        if self._looks is not None:
            self._looks.stop()
            self._looks = None
        self._found.clear()

    @property
    def bounds(self) -> list[float] | None:
        """The least and the most workers; None while not adapting."""
        return None if self._looks is None else [self.minimum, self.maximum]

    # -- what there is -------------------------------------------------------------------------------------------------

    @property
    def plan(self) -> set[str]:  # type: ignore[override]  # Dask names the members workers, and passes names
        """The names of all workers that are wished for."""
        return self._table.plan

    @property
    def requested(self) -> set[str]:  # type: ignore[override]  # as above
        """The names of all workers that Slurm was asked for."""
        return self._table.requested

    @property
    def observed(self) -> set[str]:  # type: ignore[override]  # as above
        """The names of all workers that are here."""
        return {str(worker.name) for worker in self._keeper.scheduler.workers.values()}

    # -- what there shall be -------------------------------------------------------------------------------------------

    async def safe_target(self) -> int:
        """How many workers there shall be: whole blocks within the bounds."""
        ranks, most = self._table.ranks, self.maximum
        wanted = max(await self.target(), self.minimum)
        blocks = math.ceil(wanted / ranks)
        return ranks * int(blocks if math.isinf(most) else min(blocks, most // ranks))

    async def target(self) -> int:
        """How many workers the load could use; a gang runs beside its ranks' tasks."""
        tasks = int(self._keeper.scheduler.adaptive_target(target_duration=self._target_duration))
        return max(tasks, self._gangs(self._target_duration))

    async def recommendations(self, target: int) -> dict[str, Any]:
        """As Dask's, with whole blocks to close, each of which was found dispensable `wait_count` times in a row."""
        too_many = (len(self.plan) - target) // self._table.ranks
        if too_many <= 0:
            self._found.clear()
            found: dict[str, Any] = await super().recommendations(target)
            return found
        missed = {block.number: block for block in self._dispensable(too_many)}
        self._found = {number: self._found.get(number, 0) + 1 for number in missed}
        firmly = [block for number, block in missed.items() if self._found[number] >= self.wait_count]
        return {"status": "down", "workers": firmly} if firmly else {"status": "same"}

    def _dispensable(self, most: int) -> list[Block]:
        """Up to `most` blocks that nothing needs: not begun while no task waits, or idle.

        One that works stays as long as there are results, for they would fit nowhere.
        """
        scheduler, table = self._keeper.scheduler, self._table
        crowded = any(len(worker.processing) > worker.nthreads for worker in scheduler.workers.values())
        waits = bool(scheduler.queued or scheduler.unrunnable or crowded)
        coming = [] if waits else [block for block in reversed(table.live) if block.phase is not Phase.RUNNING]
        held, idle = {}, []
        for block in table.live:
            workers = [scheduler.workers[one] for one in self._keeper.mending.workers_of(block)]
            held[block.number] = sum(worker.nbytes for worker in workers)
            if block.phase is Phase.RUNNING and not any(worker.processing for worker in workers):
                idle.append(block)
        idle.sort(key=lambda block: (block.number == 0, held[block.number]))
        if any(held.values()) and len(idle) == sum(block.phase is Phase.RUNNING for block in table.live):
            idle = idle[:-1]
        return [*coming, *idle][:most]

    async def scale_up(self, n: int) -> None:  # type: ignore[override]  # Dask's own annotation is that of scale_down
        """Have so many workers; after a refusal, or blocks that do not work, ask again more and more seldom."""
        if not self._table.refused:
            self._pause = _FIRST_PAUSE
        elif self._not_before == 0.0:
            self._not_before = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        if time.monotonic() >= self._not_before and not self._table.is_ending:
            self._not_before = 0.0
            await self._keeper.scale(n // self._table.ranks)

    async def scale_down(self, workers: list[Block]) -> None:  # type: ignore[override]  # and this one that of scale_up
        """Let these blocks leave."""
        self._keeper.dismiss(workers)
