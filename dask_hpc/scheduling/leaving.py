"""Fewer blocks: whole ones go, those first that are missed least, and nothing that they hold is lost with them."""

from __future__ import annotations

import asyncio

from dask_hpc.scheduling.deadlines import Deadlines
from dask_hpc.scheduling.drain import drain
from dask_hpc.scheduling.mending import Mending
from dask_hpc.scheduling.owner import Owner
from dask_hpc.scheduling.supply import Supply
from dask_hpc.scheduling.table import Block, Phase

_LOOK_SECONDS = 0.5
_FINISHING = 0.5  # of the time that a job has left, for the tasks that run; the rest is for moving results


class Leaving:
    """Sends blocks home."""

    def __init__(self, owner: Owner, mending: Mending, supply: Supply, deadlines: Deadlines) -> None:
        self._owner, self._mending, self._supply, self._deadlines = owner, mending, supply, deadlines

    def let_leave(self, blocks: list[Block]) -> None:
        """These blocks take no task from now on; they leave when their results are with others."""
        for block in blocks:
            block.phase, before = Phase.LEAVING, block.phase
            self._owner.spawn(self._leave(block, before))

    def leave_in_time(self, block: Block) -> None:
        """The block's job ends before long, whatever anybody wishes."""
        block.phase = Phase.LEAVING
        self._owner.spawn(self._leave_in_time(block))

    def dispensable(self) -> list[Block]:
        """The live blocks, those first that are missed least: not begun, then idle, then holding little.

        The first block comes after its like, for its job stays whatever its ranks do.
        """
        begun = (Phase.SUBMITTING, Phase.PENDING, Phase.STARTING)

        def cost(block: Block) -> tuple[bool, bool, bool, int]:
            workers = [self._owner.scheduler.workers[one] for one in self._mending.workers_of(block)]
            held = sum(worker.nbytes for worker in workers)
            return block.phase not in begun, any(one.processing for one in workers), block.number == 0, held

        return sorted(self._owner.table.live, key=cost)

    async def _leave(self, block: Block, before: Phase) -> None:
        """Send the block home whole; where a result of it fits nowhere else, it stays."""
        workers, agents = self._mending.workers_of(block), self._owner.agents
        if workers and not await drain(self._owner.scheduler, workers, self._owner.spec.drain_timeout):
            block.phase = before
            self._owner.table.settle()
            self._owner.tell(
                f"block {block.number} stays: it holds results that fit nowhere else; delete them, or close"
            )
            self._mending.complete(block)
        elif block.number == 0:
            agents.send(0, stop=True)
        elif not agents.send(block.number, end="the cluster needs it no more"):
            await self._supply.withdraw(block)
        self._owner.changed()

    async def _leave_in_time(self, block: Block) -> None:
        """Send the block home whole as soon as its results fit elsewhere; its job's end would lose them."""
        patience = min(self._owner.spec.drain_timeout, _FINISHING * await self._deadlines.left(block))
        while workers := self._mending.workers_of(block):
            if await drain(self._owner.scheduler, workers, patience):
                break
            await asyncio.sleep(_LOOK_SECONDS)
        self._owner.agents.send(block.number, end="its time is up")
