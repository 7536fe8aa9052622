"""Which blocks an adaptive cluster lets go; that it grows and shrinks is tested on the real Slurm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from dask_hpc.scheduling.adaptive import BlockAdaptive
from dask_hpc.scheduling.keeper import Keeper
from dask_hpc.scheduling.table import Block, Phase, Table


class Fleet:
    """A table of three blocks of two ranks, and a scheduler with as much to do as a test says."""

    def __init__(self, waiting: int = 0) -> None:
        self.table = Table(ranks=2, wished=3)
        self.scheduler = SimpleNamespace(workers={}, queued=range(waiting), unrunnable={}, adaptive_target=self._tasks)
        self.tasks = self.gangs = 0  # the ranks that they could use
        self.mending = SimpleNamespace(workers_of=self._workers_of)
        for phase in (Phase.RUNNING, Phase.RUNNING, Phase.PENDING):
            block = self.table.add()
            block.job_id, block.phase = str(40 + block.number), phase
            if phase is Phase.RUNNING:
                worker = SimpleNamespace(name=f"{block.number}-0", processing={}, nbytes=0, nthreads=1)
                self.scheduler.workers[f"w{block.number}"] = worker

    def _tasks(self, target_duration: float) -> int:
        return self.tasks

    def _workers_of(self, block: Block) -> list[str]:
        return [one for one in self.scheduler.workers if one == f"w{block.number}"]


def adaptive(fleet: Fleet, wait_count: int = 1) -> BlockAdaptive:
    """Adapting, that looks when a test says so."""
    found = BlockAdaptive(cast(Keeper, fleet), lambda _: fleet.gangs)
    found.wait_count = wait_count
    return found


async def leaving(adapting: BlockAdaptive, target: int) -> list[int]:
    """The numbers of the blocks that it would let go now."""
    found: dict[str, Any] = await adapting.recommendations(target)
    return [block.number for block in found.get("workers", ())]


async def test_what_waits_in_the_queue_goes_first() -> None:
    """Then idle blocks, the one that holds the scheduler last."""
    assert await leaving(adaptive(Fleet()), 4) == [2]
    assert await leaving(adaptive(Fleet()), 0) == [2, 1, 0]


async def test_nothing_leaves_the_queue_while_tasks_wait() -> None:
    """The block that they wait for would lose its place."""
    assert await leaving(adaptive(Fleet(waiting=5)), 0) == [1, 0]


async def test_a_block_that_works_stays() -> None:
    """Whatever the target is."""
    fleet = Fleet()
    fleet.scheduler.workers["w1"].processing = {"task": 1.0}

    assert await leaving(adaptive(fleet), 0) == [2, 0]


async def test_results_keep_one_block() -> None:
    """They would fit nowhere else."""
    fleet = Fleet()
    fleet.scheduler.workers["w1"].nbytes = 100

    assert await leaving(adaptive(fleet), 0) == [2, 1]


async def test_gangs_that_wait_are_work_for_their_ranks() -> None:
    """Whole blocks of them, within the bounds, beside what the tasks could use."""
    fleet = Fleet()
    adapting = adaptive(fleet)
    adapting.minimum, adapting.maximum = 0, 6

    found = []
    for fleet.tasks, fleet.gangs in ((1, 0), (1, 4), (5, 3), (0, 20)):
        found.append(await adapting.safe_target())

    assert found == [2, 4, 6, 6]


async def test_a_block_is_found_dispensable_several_times_before_it_leaves() -> None:
    """A moment in which it was needed begins the count anew."""
    adapting = adaptive(Fleet(), wait_count=3)

    assert [await leaving(adapting, target) for target in (4, 4, 6, 4, 4, 4)] == [[], [], [], [], [], [2]]
