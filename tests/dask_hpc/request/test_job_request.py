"""What the shape of a cluster becomes before Slurm sees it."""

from __future__ import annotations

from datetime import timedelta

from dask_hpc.config import read_knobs, read_shape_settings
from dask_hpc.jobs.on_slurm import SlurmBlocks
from dask_hpc.request.job_request import read_request
from dask_hpc.request.shape import SLURMS_OWN, Layer, read_shape
from facility.models import JobRequest
from facility.profile import System

SYSTEM = System(title="Demo", default_walltime_minutes=60, max_walltime_minutes=240)
LAPTOP = SYSTEM.model_copy(update={"scheduler": "none"})


def request(system: System = SYSTEM, **choices: object) -> JobRequest:
    """The request of 2 nodes × 4 ranks, with some of it chosen otherwise."""
    asked = Layer({"nodes": 2, "ranks_per_node": 4, **choices})
    return read_request(system, read_shape([asked, Layer(read_shape_settings())]))


def test_the_realtime_qos_is_the_default() -> None:
    """Whoever names no QOS gets the site's realtime one, and the user's own default account."""
    asked = request()

    assert (asked.qos, asked.account, asked.partition) == ("realtime", "", "main")


def test_the_accounts_own_qos_can_be_asked_for() -> None:
    """Then none is named to sbatch."""
    assert request(qos=SLURMS_OWN).qos == ""


def test_memory_holds_the_ranks_and_the_agent() -> None:
    """A node gets `memory_per_rank` for each rank, and a GiB for the scheduler beside them."""
    assert request(memory_per_rank="2 GiB").memory_mb == 4 * 2048 + 1024


def test_a_node_gets_the_gpus_of_its_ranks() -> None:
    """One each for four ranks are four."""
    assert request(gpus_per_rank=1).gpus_per_node == 4


def test_partition_and_constraint_are_handed_on() -> None:
    """As they were asked for."""
    asked = request(partition="debug", constraint="cpu&hbm", walltime=timedelta(hours=1))

    assert (asked.partition, asked.constraint) == ("debug", "cpu&hbm")


def test_the_step_is_one_srun_over_all_nodes() -> None:
    """The launch names the MPI of the profile, and every rank is a task of one step."""
    launch = SlurmBlocks(SYSTEM, read_knobs()).launch(request(), 4)

    assert launch[:5] == ("srun", "--mpi=pmi2", "--nodes=2", "--ntasks=8", "--ntasks-per-node=4")


def test_without_mpi_it_is_one_process_a_node() -> None:
    """It has the CPUs of all workers of its node; so has the step of a worker that replaces another."""
    blocks = SlurmBlocks(SYSTEM, read_knobs())
    launch, alone = blocks.launch(request(), 4, mpi=False), blocks.launch_one(request(), 4, mpi=False)

    assert launch[1:6] == ("--mpi=none", "--nodes=2", "--ntasks=2", "--ntasks-per-node=1", "--cpus-per-task=4")
    assert ("--mpi=none", "--cpus-per-task=4") == (alone[1], alone[7])
    assert "--cpus-per-task=1" in blocks.launch(request(), 4)


def test_a_laptop_runs_a_facilitys_notebook() -> None:
    """Where there is no scheduler, what only a scheduler knows is left out rather than refused."""
    asked = request(LAPTOP, qos="realtime", reservation="beam-042", account="ncem", constraint="gpu", gpus_per_rank=1)

    assert {asked.account, asked.qos, asked.partition, asked.reservation, asked.constraint} == {""}
    assert asked.gpus_per_node == 0
