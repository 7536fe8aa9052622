"""The ranks of a block, together as one new MPI world: after one was replaced alone, or before MPI's names run out.

The new ranks come beside the old ones, in the same job. When all are here, gangs begin on them; the old ones finish
what they do, hand over what they hold, and leave. Nothing is lost where the new ranks do not come.
"""

from __future__ import annotations

import asyncio
import time

from tornado.ioloop import PeriodicCallback

from dask_hpc.errors import RegangFailed
from dask_hpc.gangs.on_scheduler import GangKeeper
from dask_hpc.gangs.queue import Ask
from dask_hpc.mpi.place import place_of
from dask_hpc.scheduling.adaptive import BlockAdaptive
from dask_hpc.scheduling.drain import drain
from dask_hpc.scheduling.keeper import Keeper
from dask_hpc.scheduling.table import Block, Phase

_LOOK_SECONDS = 0.1
_COME_SECONDS = 120.0
_CALM_SECONDS = 2.0  # without a task or a gang, before a block that is split is idle
_PAUSE_SECONDS = 60.0  # after new ranks did not come, before they are tried again by themselves


class Regangs:
    """Brings the ranks of blocks together anew, when somebody asks for it and by itself."""

    def __init__(self, keeper: Keeper, gangs: GangKeeper, adaptive: BlockAdaptive) -> None:
        self._keeper, self._gangs, self._adaptive = keeper, gangs, adaptive
        self.full = keeper.table.ranks
        self._under_way: dict[int, asyncio.Future[None]] = {}
        self._busy_at: dict[int, float] = {}  # when each block that is split was last seen at work
        self._not_before: dict[int, float] = {}
        gangs.plans.mender = self
        keeper.scheduler.handlers["regang"] = self.regang
        keeper.scheduler.periodic_callbacks["regang"] = PeriodicCallback(self.look, 1000)

    # -- by hand -------------------------------------------------------------------------------------------------------

    async def regang(self, block: int | None) -> None:
        """Bring one block's ranks together anew; those of all blocks that are not one world where none is named.

        Raises RegangFailed.
        """
        blocks = self._keeper.table.blocks
        if block is None:
            chosen = [one for one in blocks.values() if one.is_live and (one.is_split or one.number in self._under_way)]
        elif block in blocks and blocks[block].phase is Phase.RUNNING:
            chosen = [blocks[block]]
        else:
            raise RegangFailed(f"block {block} has no ranks that work; the blocks are {sorted(blocks)}")
        await asyncio.gather(*(asyncio.shield(self._begin(one, "somebody asked for it")) for one in chosen))

    # -- by itself -----------------------------------------------------------------------------------------------------

    def promises(self, ask: Ask) -> bool:
        """See `gangs.gang.Mender`."""
        bounds = self._adaptive.bounds
        if bounds and bounds[1] >= self.full and ask.block is None and ask.suits(0, range(self.full)):
            return True  # it is a load like any other
        able = [block for block in self._keeper.table.live
                if self._may_come(block) and ask.suits(block.number, range(block.ranks))]  # fmt: skip
        if able and all(block.is_split for block in able):
            self.renew(able[0].number, "a gang needs ranks that are not in one MPI world")
        return bool(able)

    def _may_come(self, block: Block) -> bool:
        is_begun = block.phase in (Phase.STARTING, Phase.RUNNING) and self._keeper.agents.has(block.number)
        return is_begun and (not block.is_split or self._may_try(block))

    def _may_try(self, block: Block) -> bool:
        return time.monotonic() >= self._not_before.get(block.number, 0.0)

    def renew(self, number: int, why: str) -> None:
        """See `gangs.gang.Mender`. It begins once no rank of the block is missed."""
        block = self._keeper.table.blocks.get(number)
        if block is not None and block.phase is Phase.RUNNING and not block.missed and self._may_try(block):
            self._begin(block, why)

    def look(self) -> None:
        """Renew blocks that are split and idle, in a cluster that has gangs."""
        now, split = time.monotonic(), [block for block in self._keeper.table.live if block.is_split]
        self._busy_at = {block.number: self._busy_at.get(block.number, now) for block in split}
        for block in split if self._gangs.have_begun else ():
            workers = [self._keeper.scheduler.workers[one] for one in self._keeper.mending.workers_of(block)]
            if any(one.processing for one in workers) or self._gangs.is_busy(block.number):
                self._busy_at[block.number] = now
            elif now - self._busy_at[block.number] > _CALM_SECONDS:
                self.renew(block.number, "some were replaced alone")

    # -- how -----------------------------------------------------------------------------------------------------------

    def _begin(self, block: Block, why: str) -> asyncio.Future[None]:
        """Its end; the one that is under way where there is one."""
        number = block.number
        if number not in self._under_way:
            over = self._under_way[number] = asyncio.get_running_loop().create_future()
            over.add_done_callback(lambda one: one.cancelled() or one.exception())  # it is told anyway
            self._keeper.spawn(self._run(block, why, over))
        return self._under_way[number]

    async def _run(self, block: Block, why: str, over: asyncio.Future[None]) -> None:
        try:
            await self._renewed(block, why, over)
            if not over.done():
                over.set_result(None)
        except RegangFailed as error:
            self._not_before[block.number] = time.monotonic() + _PAUSE_SECONDS
            self._keeper.tell(str(error))
            if not over.done():
                over.set_exception(error)
        finally:
            self._under_way.pop(block.number, None)
            over.cancel()

    async def _renewed(self, block: Block, why: str, over: asyncio.Future[None]) -> None:
        self._check(block)
        epoch = block.begin_beside()
        self._keeper.tell(f"the ranks of block {block.number} come as one new MPI world, because {why}")
        self._keeper.agents.send(block.number, start=epoch, beside=True)
        try:
            await self._whole(block, epoch)
        except RegangFailed:
            await self._send_home(block, epoch)
            raise
        block.take_over()
        self._gangs.close_others(block.number, epoch)
        self._keeper.changed()
        while self._gangs.is_busy(block.number, but=epoch):  # noqa: ASYNC110 - a gang's end is known to many only
            await asyncio.sleep(_LOOK_SECONDS)
        await self._empty(block, epoch, over)
        self._keeper.agents.send(block.number, keep=sorted({*block.epochs, epoch}))
        self._keeper.tell(f"block {block.number} is one MPI world of {block.ranks} ranks")

    def _check(self, block: Block) -> None:
        there = self._keeper.scheduler.workers
        acting = [str(there[one].name) for one in self._keeper.mending.workers_of(block) if there[one].actors]
        if acting:
            raise RegangFailed(
                f"block {block.number} keeps its ranks: {', '.join(acting)} hold actors, which cannot move; delete them"
            )

    async def _whole(self, block: Block, epoch: int) -> None:
        """Wait until all new ranks are here. Raises RegangFailed, with the reason, where they do not come."""
        ends = time.monotonic() + _COME_SECONDS
        while len(block.came) < block.ranks or block.coming != epoch:
            if time.monotonic() > ends:
                block.stay(f"{len(block.came)} of {block.ranks} came within {_COME_SECONDS:g} seconds")
            gone = not block.is_live or not self._keeper.agents.has(block.number)
            if gone or block.coming != epoch:
                why = "it leaves" if gone else block.came_not or "they were lost, and all came back"
                raise RegangFailed(f"the ranks of block {block.number} did not come as one new MPI world: {why}")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _send_home(self, block: Block, epoch: int) -> None:
        """Undo what has come of a new world; the old ranks take back what it holds."""
        block.coming = None
        if block.is_live and epoch not in block.epochs:
            await drain(self._keeper.scheduler, self._of_epoch(block, {epoch}), 0.0)
            self._keeper.agents.send(block.number, keep=sorted(set(block.epochs)))
            if block.came_not:  # else all ranks came anew meanwhile, in a world of their own
                self._keeper.mending.complete(block)

    async def _empty(self, block: Block, epoch: int, over: asyncio.Future[None]) -> None:
        """Let the old ranks leave; those whose results fit nowhere stay until they do, and whoever asked is told."""
        patience = self._keeper.spec.drain_timeout
        while old := self._of_epoch(block, set(range(epoch))):
            if not block.is_live or await drain(self._keeper.scheduler, old, patience):
                return
            if not over.done():
                held = f"old ranks of block {block.number} stay beside the new ones: their results fit nowhere else"
                self._keeper.tell(f"{held}; delete some")
                over.set_exception(RegangFailed(f"{held}; delete some, and they leave"))
            await asyncio.sleep(_LOOK_SECONDS)

    def _of_epoch(self, block: Block, epochs: set[int]) -> list[str]:
        there = self._keeper.scheduler.workers
        return [one for one in self._keeper.mending.workers_of(block) if place_of(there[one]).epoch in epochs]
