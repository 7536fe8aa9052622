"""Where the scheduler is: on the machine of who made the cluster, or as long as that process lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from beamside.demo.processes import wait_until
from dask_hpc.deploy.placing import read_place
from facility.errors import OptionError

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

HERE = ("--scheduler", "here", "--qos", "regular", "--wait", "90 s")


def has_gone(ana: Notebooks, job: str) -> None:
    """Wait until Slurm's accounting says that the job ended by itself."""

    def state() -> str:
        return ana.says("sacct", "-nXPj", job, "-o", "state")

    wait_until(lambda: state() == "COMPLETED", seconds=90, otherwise=lambda: f"job {job} is {state()}")


def left(ana: Notebooks, name: str) -> list[str]:
    """The files of a cluster that are there."""
    return [path for path in ana.files if name in path]


def test_a_place_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    """The message lists them."""
    with pytest.raises(OptionError, match="job, here, client"):
        read_place("moon")


@pytest.mark.slurm
def test_blocks_are_submitted_from_here_and_all_may_leave(ana: Notebooks) -> None:
    """The scheduler is no job and outlives its maker; scaled to none there is no job left, and one comes back."""
    record = ana.command("start", "from-here", *HERE)
    assert record.get("state") == "running", record
    held, jobs = [block["job_id"] for block in record["blocks"]], record["job_ids"][1:]

    gone = ana.command("scale", "from-here", "--blocks", "0")
    has_gone(ana, jobs[0])
    found = ana.kernel("""
with MPICluster.from_name("from-here") as cluster:
    cluster.scale(1)
    cluster.wait_for_workers(timeout=90)
    answer = [sorted(cluster.observed), cluster.get_client().submit(sum, [1, 2]).result()]
""")
    closed = ana.command("close", "from-here")

    assert held[0].startswith("local-")
    assert len(jobs) == 1
    assert gone[0]["state"] == "empty"
    assert found == [["2-0"], 3]
    assert closed == {"closed": "from-here"}
    wait_until(lambda: not left(ana, "from-here"), seconds=60, otherwise=lambda: f"{ana.files}")


@pytest.mark.slurm
def test_at_the_client_the_cluster_ends_with_it(ana: Notebooks) -> None:
    """A kernel that is killed takes scheduler and blocks with it, and nothing of them stays behind."""
    said = ana.python("-", check=False, stdin="""
import os
from dask_hpc import MPICluster
cluster = MPICluster("mine-alone", scheduler="client", qos="regular")
cluster.wait_for_workers(timeout=90)
print(cluster.get_client().submit(sum, [1, 2]).result(), cluster.blocks[1].job_id, flush=True)
os.kill(os.getpid(), 9)
""")  # fmt: skip
    total, job = said.split()[-2:]

    has_gone(ana, job)
    wait_until(lambda: not left(ana, "mine-alone"), seconds=60, otherwise=lambda: f"{ana.files}")
    assert total == "3"
