"""The CPUs of workers that a node forks."""

from __future__ import annotations

import os

import pytest

from dask_hpc.mpi.cpus import by_core, divided, shares


@pytest.mark.parametrize(
    ("cpus", "workers", "threads", "parts"),
    [
        ([0, 4, 1, 5], 2, 1, [{0, 4}, {1, 5}]),
        (range(8), 4, 2, [{0, 1}, {2, 3}, {4, 5}, {6, 7}]),
        (range(5), 2, 1, [{0, 1}, {2, 3, 4}]),
        (range(8), 4, 3, []),
        ([3], 1, 1, [{3}]),
    ],
)
def test_every_cpu_is_one_workers(cpus: list[int], workers: int, threads: int, parts: list[set[int]]) -> None:
    """In parts as equal as can be; where they are too few for all threads nobody is bound."""
    assert parts == divided(cpus, workers, threads)


def test_this_machine_tells_its_cores() -> None:
    """Nothing is lost or made up on the way."""
    mine = os.sched_getaffinity(0)

    assert sorted(mine) == sorted(by_core(mine))


def test_nobody_is_bound_where_slurm_binds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that may use more CPUs than its job has would take those of others."""
    mine = os.sched_getaffinity(0)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", str(len(mine)))
    bound = shares(len(mine), 1)
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", str(len(mine) - 1))

    assert ([{cpu} for cpu in by_core(mine)], []) == (bound, shares(1, 1))
    monkeypatch.delenv("SLURM_CPUS_ON_NODE")
    assert shares(1, 1) == []
