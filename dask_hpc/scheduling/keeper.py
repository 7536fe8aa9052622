"""The keeper of a cluster's blocks, inside its scheduler: holds the wish and the table, and makes the one the other.

It submits blocks from inside the job (`supply`), sends them home whole (`leaving`), and replaces what is lost
(`mending`); every kernel may be dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from distributed import Scheduler

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.recipe import Recipe
from dask_hpc.jobs.within_job import is_step, job_of
from dask_hpc.record.folder import Spec, log_of
from dask_hpc.scheduling.agents import Agents
from dask_hpc.scheduling.deadlines import Deadlines
from dask_hpc.scheduling.leaving import Leaving
from dask_hpc.scheduling.mending import Mending
from dask_hpc.scheduling.supply import Supply
from dask_hpc.scheduling.table import Block, Phase, Table

_MOST_FAILURES = 3  # blocks in a row that ended before any of their ranks came
_LET_GO_SECONDS = 5.0


class Keeper:
    """The blocks of one cluster; `publish` lets everybody know the table and a line, `fail` ends the cluster."""

    def __init__(
        self,
        scheduler: Scheduler,
        spec: Spec,
        recipe: Recipe,
        provider: Blocks,
        publish: Callable[[str], None],
        fail: Callable[[str], None],
    ) -> None:
        self.scheduler, self.spec = scheduler, spec
        self.table = Table(spec.ranks, spec.blocks)
        self.agents = Agents(self)
        self.mending = Mending(self)
        self._supply = Supply(self, recipe, provider)
        self._deadlines = Deadlines(self, provider, is_reserved=bool(recipe.request.reservation))
        self._leaving = Leaving(self, self.mending, self._supply, self._deadlines)
        self._publish, self._fail = publish, fail
        self._failures = 0
        self._is_closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    # -- beginning and end ---------------------------------------------------------------------------------------------

    def begin(self, job_id: str) -> None:
        """The first block is the job `job_id`, which holds this process; submit the others that are wished for."""
        first, has_ranks = self.table.add(), self.spec.begins_with_ranks
        first.job_id, first.phase = job_id, Phase.STARTING if self.table.wished and has_ranks else Phase.EMPTY
        first.words = "" if has_ranks else "holds the scheduler, and never a rank"
        self.spawn(self._deadlines.watch())
        if self.table.missing > 0:
            self.spawn(self._supply.refill())

    async def let_go(self) -> None:
        """Cancel the jobs that have not begun, and begin nothing any more."""
        self._is_closing = True
        for task in self._tasks:
            task.cancel()
        further = (block for number, block in self.table.blocks.items() if number)  # the first one's end is ours
        waiting = [block.job_id for block in further if not self.agents.has(block.number)]
        cancels = [asyncio.ensure_future(self._supply.cancel(job_id)) for job_id in waiting if job_id]
        if cancels:
            await asyncio.wait(cancels, timeout=_LET_GO_SECONDS)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """See `Owner.spawn`."""
        if self._is_closing:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the wish ------------------------------------------------------------------------------------------------------

    async def scale(self, blocks: int) -> None:
        """Have so many blocks: submit what is missing, let what is too much leave.

        A refusal is kept in `table.refused`, and the wish becomes what there is.
        """
        self._wish(blocks)
        if not await self._supply.fill():
            self.table.settle()
        if self.table.missing < 0:
            self._leaving.let_leave(self._leaving.dispensable()[: -self.table.missing])
        self.changed()

    def dismiss(self, blocks: list[Block]) -> None:
        """Wish for as many fewer blocks, and let these leave."""
        self._wish(self.table.wished - len(blocks))
        self._leaving.let_leave(blocks)
        self.changed()

    def _wish(self, blocks: int) -> None:
        self.table.wish(blocks)
        self._failures = 0

    def refuse(self, why: str) -> None:
        """See `Owner.refuse`."""
        self.table.wishes += 1
        self.table.settle(why)
        self.tell(why)

    # -- what the agents say -------------------------------------------------------------------------------------------

    def start(self, block: Block) -> None:
        """See `Owner.start`."""
        self.agents.send(block.number, start=block.begin())
        self.changed()

    def came(self, number: int, job_id: str) -> None:
        """See `agents.Listener`."""
        block = self.table.blocks.get(number)
        self._deadlines.news()
        if block is None or block.phase is Phase.LEAVING:
            self.agents.send(number, end="the cluster needs it no more")
            return
        block.job_id = job_id
        if block.phase is not Phase.EMPTY:
            self.start(block)

    def heard(self, number: int, word: dict[str, Any]) -> None:
        """See `agents.Listener`."""
        block = self.table.blocks.get(number)
        if block is None or self._is_closing:
            return  # its ranks end, as they should
        match word:
            case {"ended": int(epoch), "words": str(words)}:
                self.mending.step_ended(block, epoch, words)
            case {"leaving": str(why)}:
                self.ends_soon(block, why)
            case {"told": True}:
                self.mending.let_go(block)
            case {"stopped": True}:
                block.phase = Phase.EMPTY
                self.changed()
                self.spawn(self._supply.refill())

    def left(self, number: int) -> None:
        """See `agents.Listener`."""
        block = self.table.blocks.get(number)
        if number == 0 or block is None or self._is_closing:
            return  # the first one's end is the cluster's, which its own job tells
        if block.phase is Phase.LEAVING and not block.is_over:
            del self.table.blocks[number]
            log_of(self.spec.name, number).unlink(missing_ok=True)  # that of a lost block stays to be read
            self.tell(f"block {number} has left")
            self.spawn(self._supply.refill())
        else:
            self.lose(block, f"job {block.job_id} has ended")

    def lose(self, block: Block, words: str) -> None:
        """A block has ended that is wanted: replace it, unless blocks end before they work."""
        self.table.blocks.pop(block.number, None)
        self._failures = 0 if block.has_worked else self._failures + 1
        self.tell(f"block {block.number} is lost: {words}")
        self.spawn(self._supply.cancel(block.job_id))
        if self._failures >= _MOST_FAILURES:
            self.refuse(f"{self._failures} blocks in a row ended before their ranks came: {words}")
        self.spawn(self._supply.refill())

    def ends_soon(self, block: Block, why: str) -> None:
        """See `Owner.ends_soon`: another is submitted, and this one leaves while there is time."""
        if block.number == 0 and not self.table.is_ending:
            self.table.is_ending = True
            first = f"job {job_of(block.job_id)}, which it is inside of" if is_step(block.job_id) else "its first job"
            self.tell(f"the cluster ends before long, with {first}: {why}")
        elif block.number and block.is_live and not self.table.is_ending:
            self.tell(f"block {block.number} leaves: {why}")
            self._leaving.leave_in_time(block)
            self.spawn(self._supply.refill())

    # -- who listens ---------------------------------------------------------------------------------------------------

    def changed(self) -> None:
        """See `Owner.changed`."""
        self._publish("")

    def tell(self, line: str) -> None:
        """See `Owner.tell`."""
        self._publish(line)

    def fail(self, why: str) -> None:
        """See `Owner.fail`."""
        self._fail(why)
