"""When the blocks' jobs end, asked of Slurm now and then and said in time, so that a block leaves with all it holds.

Slurm's own notice (sbatch(1), --signal) is for the walltime of long jobs. Nobody announces the end of a short job or
of a reservation, nor how long a job has that is preempted.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.scheduling.owner import Owner
from dask_hpc.scheduling.table import Block
from facility.errors import FacilityError

_NOTICE = timedelta(minutes=2)
_PART = 4  # a job with little time left when it is first seen has this part of it
_SHORTEST, _LONGEST = 20.0, 300.0  # seconds between two questions, which come more often towards the end
_RESERVED = 20.0  # an operator may shorten a reservation, and Slurm tells that to nobody
_TOGETHER = 2.0  # blocks that come within so many seconds are asked about at once


class Deadlines:
    """Follows the ends of all blocks' jobs."""

    def __init__(self, owner: Owner, provider: Blocks, *, is_reserved: bool) -> None:
        self._owner, self._provider = owner, provider
        self._longest = _RESERVED if is_reserved else _LONGEST
        self._notices: dict[int, timedelta] = {}
        self._has_news = asyncio.Event()

    def news(self) -> None:
        """A block has come, whose end is not known yet."""
        self._has_news.set()

    async def watch(self) -> None:
        """Look for as long as the cluster lives."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(await self.look()):
                    await self._has_news.wait()
                    await asyncio.sleep(_TOGETHER)
            self._has_news.clear()

    async def look(self) -> float:
        """Ask once, say of which block the end is near, and return after how many seconds to ask again."""
        here = [block for block in self._owner.table.blocks.values() if self._owner.agents.has(block.number)]
        ends, now, pause = await self._ends(here), datetime.now(UTC), self._longest
        for block, end in ends:
            left = end - now
            notice = self._notices.setdefault(block.number, min(_NOTICE, left / _PART))
            rest = (left - notice).total_seconds()
            if rest <= 0:
                self._owner.ends_soon(block, f"Slurm ends its job at {end.astimezone():%H:%M:%S}")
            else:
                pause = min(pause, rest if rest < _SHORTEST else max(rest / 2, _SHORTEST))
        return pause

    async def left(self, block: Block) -> float:
        """How many seconds the block's job has, asked now; infinite where nobody says."""
        for _, end in await self._ends([block]):
            return max((end - datetime.now(UTC)).total_seconds(), 0.0)
        return math.inf

    async def _ends(self, blocks: list[Block]) -> list[tuple[Block, datetime]]:
        try:
            ends = await self._provider.ends([block.job_id for block in blocks]) if blocks else {}
        except FacilityError:  # it is asked again, and Slurm's own notice may come first
            return []
        return [(block, ends[block.job_id]) for block in blocks if block.job_id in ends]
