"""Where a worker stands: in which block, as which rank, and in which MPI world.

A block is one batch job. Its first `srun` step is epoch 0; a rank that replaces a lost one, or a whole step that
replaces another, comes in a later epoch. Workers of one block and one epoch are one MPI world; no others are.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Worker
    from distributed.scheduler import WorkerState

_KEY, _PROCESS = "place", "process"


@dataclass(frozen=True)
class Place:
    """One worker's place; it travels to the scheduler when the worker joins."""

    block: int  # 0 is the block that holds the scheduler; numbers are never used again
    epoch: int  # of this block; 0 for the ranks that came with the job
    rank: int  # within the block, from 0; a replacement keeps the number of the lost rank
    size: int  # of the MPI world: all ranks of the block, or 1 for a rank that was replaced alone
    job: str  # the batch job's id
    node: str

    @property
    def name(self) -> str:
        """The worker's name: "2-5" is rank 5 of block 2, "2-5.1" its first replacement."""
        return worker_name(self.block, self.rank, self.epoch)

    @property
    def world(self) -> tuple[int, int]:
        """Equal for workers of one MPI world."""
        return self.block, self.epoch

    @property
    def told(self) -> dict[str, Callable[[Worker], object]]:
        """What a worker tells the scheduler when it joins; `place_of` and `process_of` read it there."""
        return {_KEY: lambda _worker: asdict(self), _PROCESS: lambda _worker: os.getpid()}


def worker_name(block: int, rank: int, epoch: int) -> str:
    """The name of a worker; see `Place.name`."""
    return f"{block}-{rank}.{epoch}" if epoch else f"{block}-{rank}"


def place_of(worker: WorkerState) -> Place:
    """The place of a worker as its scheduler knows it."""
    return Place(**worker.extra[_KEY])


def process_of(worker: WorkerState) -> int:
    """The number of a worker's process on its node."""
    return int(worker.extra[_PROCESS])
