"""Many gangs in one cluster leave nothing behind; benchmarks/gangs.py does the same with ten thousand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.dask_hpc.gangs.conftest import Gangs

pytestmark = pytest.mark.slurm


def test_gangs_leave_nothing_behind(gangs: Gangs) -> None:
    """Two hundred good and thirty aborted ones: MPI has all its communicators again, and nobody has an entry more."""
    found = gangs("""
def left(comm):
    from mpi4py import MPI
    import os
    made = []
    try:
        while True:
            made.append(MPI.COMM_SELF.Dup())
    except MPI.Exception:
        return [len(made), len(os.listdir("/proc/self/fd"))]
    finally:
        for one in made:
            one.Free()
def fail(comm):
    if comm.rank == 1:
        raise ValueError("no luck")
    comm.Barrier()
def entries(dask_scheduler):
    keeper = dask_scheduler.plugins["gangs"]
    return {
        "tasks": len(dask_scheduler.tasks), "groups": len(dask_scheduler.task_groups),
        **{name: len(held) for name, held in vars(keeper).items() if isinstance(held, (dict, list))},
    }
def look():
    communicators = cluster.run_mpi(left).result(timeout=60)
    ends = time.monotonic() + 60
    while client.run_on_scheduler(entries)["tasks"]:
        assert time.monotonic() < ends
        time.sleep(0.05)
    return communicators, client.run_on_scheduler(entries)
def several(good, aborted):
    for number in range(good):
        assert cluster.run_mpi(total).result(timeout=60) == [4] * 4
        if number < aborted:
            assert error_of(cluster.run_mpi(fail))[0] == "ValueError"
several(10, 3)
before = look()
several(200, 30)
answer = [before, look()]
""")

    (before, entries_before), (after, entries_after) = found
    assert [count for count, _ in after] == [count for count, _ in before]
    assert max(now - then for (_, now), (_, then) in zip(after, before, strict=True)) <= 2  # a pooled line of Dask's
    assert entries_after == entries_before
