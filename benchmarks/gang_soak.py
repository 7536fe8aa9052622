"""Gang after gang in one cluster, good ones and aborted ones, and what they leave behind.

Every tenth aborted gang fails while its other ranks wait for messages; its communicator cannot be given back, because
nobody knows which messages are under way, and stays with the rank until the block's ranks come as a new MPI world.
The others fail while their ranks wait in a collective.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from distributed import Client, Scheduler
from goal import Goal

from dask_hpc import MPICluster

Communicator = Any
_SETTLED_SECONDS = 30.0
_LOOSE = 10  # one of so many aborted gangs waits for messages


def rank_of(comm: Communicator) -> int:
    """Nothing but to be there."""
    return int(comm.rank)


def fail(comm: Communicator, loose: bool) -> None:
    """The last rank raises while the others wait for it."""
    if comm.rank == comm.size - 1:
        raise ValueError("as it was told")
    if loose:
        comm.recv(source=comm.size - 1)
    comm.Barrier()


def communicators_left(_comm: Communicator) -> int:
    """How many communicators MPI can still make on this rank."""
    from mpi4py import MPI  # noqa: PLC0415 - on the ranks, where MPI runs

    made = []
    try:
        while True:
            made.append(MPI.COMM_SELF.Dup())
    except MPI.Exception:
        return len(made)
    finally:
        for one in made:
            one.Free()


def _of_rank() -> dict[str, int]:
    gc.collect()
    own = psutil.Process()
    return {"bytes of memory": own.memory_info().rss, "open files": own.num_fds(), "threads": own.num_threads()}


def _of_scheduler(dask_scheduler: Scheduler) -> dict[str, int]:
    gangs = dask_scheduler.plugins["gangs"]
    entries = {name: len(held) for name, held in vars(gangs).items() if isinstance(held, dict | list)}
    known = {"tasks": len(dask_scheduler.tasks), "groups": len(dask_scheduler.task_groups)}
    own = _of_rank()
    return known | {f"gangs.{name}": count for name, count in entries.items()} | own


@dataclass
class Left:
    """What there is at one moment."""

    communicators: list[int]
    ranks: list[dict[str, int]]
    scheduler: dict[str, int]
    files: int

    def most(self, before: Left, what: str) -> int:
        """By how much the worst rank has grown."""
        return max(now[what] - then[what] for now, then in zip(self.ranks, before.ranks, strict=True))

    def more(self, before: Left) -> dict[str, int]:
        """Entries of the scheduler that were not there before; memory aside."""
        gone = Counter(self.scheduler)
        gone.subtract(before.scheduler)
        return {name: count for name, count in gone.items() if count > 0 and name != "bytes of memory"}


class Soak:
    """One cluster under many gangs."""

    def __init__(self, cluster: MPICluster, client: Client, state: Path) -> None:
        self._cluster, self._client, self._state = cluster, client, state

    def look(self) -> Left:
        """What there is now, once the scheduler has forgotten the last gang."""
        communicators = self._cluster.run_mpi(communicators_left).result()
        ends = time.monotonic() + _SETTLED_SECONDS
        while self._client.run_on_scheduler(_of_scheduler)["tasks"] and time.monotonic() < ends:
            time.sleep(0.1)
        found = self._client.run(_of_rank)
        files = sum(1 for path in self._state.rglob("*") if path.is_file())
        return Left(communicators, [found[one] for one in sorted(found)],
                    self._client.run_on_scheduler(_of_scheduler), files)  # fmt: skip

    def run(self, good: int, aborted: int) -> tuple[float, float]:
        """So many gangs, the aborted ones among the good; the seconds of all, and of the longest end of an abort."""
        every, longest, done, began = max(good // max(aborted, 1), 1), 0.0, 0, time.perf_counter()
        for number in range(good):
            assert self._cluster.run_mpi(rank_of).result() == list(range(len(self._client.nthreads())))
            if done < aborted and number % every == 0:
                done += 1
                longest = max(longest, _seconds(lambda at=done: self._abort(loose=at % _LOOSE == 0)))
        return time.perf_counter() - began, longest

    def _abort(self, *, loose: bool) -> None:
        error = self._cluster.run_mpi(fail, loose).exception()
        assert isinstance(error, ValueError), error

    def show(self, good: int, aborted: int) -> None:
        """Do it, and print what it leaves."""
        self.run(20, 5)  # what is loaded and cached once
        before = self.look()
        taken, longest = self.run(good, aborted)
        after = self.look()
        each = 1000 * taken / (good + aborted)
        print(f"{good} good and {aborted} aborted gangs in {taken:.0f} s, {each:.1f} ms each")
        Goal("longest end of an aborted gang", longest, "s", most=2).show()
        kept = max(then - now for then, now in zip(before.communicators, after.communicators, strict=True))
        Goal("communicators kept by gangs that waited for messages", kept, "", most=aborted // _LOOSE + 1).show()
        growth, files = after.most(before, "bytes of memory") / 2**20, after.most(before, "open files")
        print(f"a rank's memory grew by at most {growth:.1f} MiB, its open files by {files}")
        grown = (after.scheduler["bytes of memory"] - before.scheduler["bytes of memory"]) / 2**20
        entries = after.more(before)
        print(f"the scheduler's memory grew by {grown:.1f} MiB; entries more than before: {entries or 'none'}")
        Goal("entries left in the scheduler", sum(entries.values()), "", most=0).show()
        Goal("files left", after.files - before.files, "", most=0).show()
        taken = _seconds(lambda: self._cluster.regang(0))
        fresh = self.look()
        print(f"regang: a new MPI world after {taken:.1f} s, with {fresh.communicators} communicators left")
        lost = max(then - now for then, now in zip(before.communicators, fresh.communicators, strict=True))
        Goal("communicators lost after regang", lost, "", most=0).show()


def _seconds(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
