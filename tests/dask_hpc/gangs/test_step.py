"""Gangs in a step of their own: what happens there hurts nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dask_hpc.gangs.in_step import step_argv, step_environment

if TYPE_CHECKING:
    from tests.dask_hpc.gangs.conftest import Gangs

LAUNCH = ("srun", "--mpi=pmi2", "--nodes=2", "--ntasks=4", "--ntasks-per-node=2", "--cpus-per-task=1",
          "--kill-on-bad-exit=0", "--wait=0", "--export=ALL", "--label")  # fmt: skip


def test_a_step_lies_over_the_ranks_of_its_job() -> None:
    """It has its own size, and one process that dies takes all of it."""
    argv = step_argv(LAUNCH, "41", 3, 2)

    assert argv == (
        "srun", "--mpi=pmi2", "--cpus-per-task=1", "--wait=0", "--export=ALL", "--label",
        "--jobid=41", "--overlap", "--nodes=2", "--ntasks=3", "--kill-on-bad-exit=1", "--input=none",
    )  # fmt: skip


def test_on_a_laptop_mpich_starts_it() -> None:
    """There is one node, and no job."""
    assert step_argv(("mpiexec.gforker", "-l", "-n", "4"), "local-1-2", 3, 4) == ("mpiexec.gforker", "-l", "-n", "3")


def test_a_step_does_not_take_itself_for_the_step_around_it() -> None:
    """What Slurm and MPI told the rank is left out; the way to Slurm stays."""
    around = {"SLURM_PROCID": "3", "PMI_RANK": "3", "SLURM_CONF": "/etc/slurm.conf", "PATH": "/bin"}

    assert step_environment(around) == {"SLURM_CONF": "/etc/slurm.conf", "PATH": "/bin"}


@pytest.mark.slurm
def test_the_function_runs_in_processes_of_their_own(gangs: Gangs) -> None:
    """They are one MPI world on all nodes, get their inputs from Dask, and give Dask their results."""
    found = gangs("""
def where(comm, mine, word):
    from mpi4py import MPI
    return [comm.rank, comm.size, mine, word, comm.allreduce(1), MPI.Get_processor_name(), os.getpid()]
workers = set(client.run(os.getpid).values())
future = cluster.run_mpi(where, "beam", inputs=client.map(lambda x: x * x, range(4)), isolation="step")
steps = future.result(timeout=200)
third = client.submit(lambda step: step[2], future[3]).result(timeout=60)
answer = [steps, third, sorted(workers & {step[-1] for step in steps})]
""")

    steps, third, shared = found
    assert [step[:5] for step in steps] == [[rank, 4, rank**2, "beam", 4] for rank in range(4)]
    assert len({step[5] for step in steps}) == 2
    assert (third, shared) == (9, [])


@pytest.mark.slurm
def test_a_crash_in_a_step_hurts_no_worker(gangs: Gangs) -> None:
    """A segmentation fault is an error with the step's last words, and all four ranks are there for the next gang."""
    found = gangs("""
def crash(comm):
    import ctypes
    comm.Barrier()
    if comm.rank == 1:
        ctypes.string_at(0)
    comm.Barrier()
answer = [error_of(cluster.run_mpi(crash, isolation="step"), 200), cluster.run_mpi(total).result(timeout=60)]
""")

    (kind, words), following = found
    assert (kind, following) == ("StepFailed", [4] * 4)
    assert "Segmentation fault" in words


@pytest.mark.slurm
def test_a_hang_in_mpi_itself_is_killed(gangs: Gangs) -> None:
    """A rank that raises, and a timeout, end processes that wait in MPI's own calls."""
    found = gangs("""
def hang(comm, how):
    if comm.rank == 0 and how == "raise":
        raise ValueError("no luck")
    comm.recv(source=0)
raised = error_of(cluster.run_mpi(hang, "raise", isolation="step"), 200)
ended = error_of(cluster.run_mpi(hang, "hang", isolation="step", timeout=20), 200)
answer = [raised, ended[0], cluster.run_mpi(total).result(timeout=60)]
""")

    assert found == [["ValueError", "no luck"], "GangTimeout", [4] * 4]
