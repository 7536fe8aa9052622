"""More blocks: what is missing is submitted, followed while it waits, and asked for again where it was lost."""

from __future__ import annotations

import asyncio

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.follow import Questions
from dask_hpc.jobs.recipe import Recipe
from dask_hpc.jobs.waiting import told
from dask_hpc.scheduling.owner import Owner
from dask_hpc.scheduling.table import Block, Phase
from facility.errors import FacilityError

_LOOK_SECONDS = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0  # between two tries to replace a lost block


class Supply:
    """Makes the table have as many blocks as are wished for."""

    def __init__(self, owner: Owner, recipe: Recipe, provider: Blocks) -> None:
        self._owner, self._table = owner, owner.table
        self._recipe, self._provider = recipe, provider
        self._lock = asyncio.Lock()

    async def fill(self) -> bool:
        """Submit what is missing now; no where something was refused, which `table.refused` tells."""
        async with self._lock:
            return await self._grow()

    async def refill(self) -> None:
        """Submit again what is missing, more and more seldom, until it is there or somebody wishes otherwise."""
        wishes, pause = self._table.wishes, _FIRST_PAUSE
        while self._table.wishes == wishes and self._table.missing > 0 and not self._table.is_ending:
            if await self.fill():
                self._table.refused = ""
                break
            self._owner.changed()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._owner.changed()

    async def withdraw(self, block: Block) -> None:
        """Cancel the job of a block whose agent has not come; one without a job is withdrawn when it has one."""
        if block.job_id:
            await self.cancel(block.job_id)
            self._table.blocks.pop(block.number, None)

    async def cancel(self, job_id: str) -> None:
        """Cancel a job; where that cannot be, everybody is told."""
        try:
            await self._provider.cancel(job_id)
        except FacilityError as error:
            self._owner.tell(f"job {job_id} was not cancelled: {error}")

    async def _grow(self) -> bool:
        while self._table.missing > 0:
            first = self._table.blocks[0]
            if first.phase is Phase.EMPTY and self._owner.spec.begins_with_ranks:
                self._owner.start(first)
            elif not await self._submit(self._table.add()):
                return False
        return True

    async def _submit(self, block: Block) -> bool:
        self._owner.changed()
        try:
            request = await self._recipe.fitted(self._provider)
            name, ranks = self._owner.spec.name, self._recipe.ranks_per_node
            job_id = await self._provider.submit(request, name, ranks, block.number)
        except FacilityError as error:
            del self._table.blocks[block.number]
            self._table.refused = str(error)
            self._owner.tell(f"block {block.number} is not submitted: {error}")
            return False
        block.job_id = job_id
        self._owner.tell(f"block {block.number} is submitted as job {job_id}")
        if block.phase is Phase.SUBMITTING:  # its agent may be faster than the answer of sbatch
            block.phase = Phase.PENDING
            self._owner.spawn(self._follow(block))
        elif block.phase is Phase.LEAVING:
            await self.withdraw(block)
        return True

    async def _follow(self, block: Block) -> None:
        """Keep in words what the block's job waits for, until its agent comes."""
        questions = Questions()
        while block.phase is Phase.PENDING:
            await asyncio.sleep(_LOOK_SECONDS)
            if not questions.is_due():
                continue
            try:
                job = await self._provider.job(block.job_id)
            except FacilityError as error:
                block.words = str(error)
            else:
                block.words = await told(job, self._provider) if job else f"Slurm knows no job {block.job_id}"
                if (job is None or job.state.is_final) and block.phase is Phase.PENDING:
                    self._owner.lose(block, block.words)
            self._owner.changed()
