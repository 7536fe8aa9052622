"""What dask-mpi's tests ask for, asked of MPICluster: one test for each of theirs; docs/peers.md has the table."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dask_hpc
from beamside.demo.processes import wait_until
from tests.dask_hpc.left import state_of
from tests.dask_hpc.peers.page import rows

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

NAMES = ["0-0", "0-1", "0-2", "0-3"]
JOIN = """
import os
cluster = MPICluster.from_name("contract")
client = cluster.get_client()
cluster.wait_for_workers(4, timeout=120)
names = sorted(worker["name"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
def on(name, function, *arguments):
    return client.submit(function, *arguments, workers=[name], pure=False)
"""
QUESTIONS = """
def total(comm):
    return [comm.size, comm.allreduce(comm.rank)]
def ask(names):
    from distributed import worker_client
    with worker_client() as client:
        return client.gather([client.submit(pow, i, 2, workers=[name], pure=False) for i, name in enumerate(names)])
def from_first(comm):
    return comm.bcast(100 if comm.rank == 0 else 200)
answer = {
    "names": names,
    "computed": [on(name, pow, 2, 3).result() for name in names],
    "before": cluster.run_mpi(total).result(),
    "asked": on("0-2", ask, names).result(),
    "part": cluster.run_mpi(total, ranks=3).result(),
    "whole": cluster.run_mpi(from_first).result(),
    "processes": sorted(client.run(os.getpid).values()),
    "scheduler": client.run_on_scheduler(os.getpid),
    "address": client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.address),
    "after": cluster.run_mpi(total).result(),
}
"""
SCRIPT = """
import json
from dask_hpc import MPICluster
with MPICluster("script", ranks_per_node=2, qos="regular") as cluster, cluster.get_client() as client:
    cluster.wait_for_workers()
    eleven = client.submit(lambda x: x + 1, 10, workers=["0-1"]).result()
    print(json.dumps([eleven, cluster.record.job_ids[0], cluster.record.scheduler_address]))
"""


@pytest.fixture(scope="module")
def record(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of a cluster of four ranks, which a terminal made and left."""
    size = ("--ranks-per-node", "4", "--qos", "regular")
    with ana.cluster("contract", *size) as record:
        yield record


@pytest.fixture(scope="module")
def seen(ana: Notebooks, record: dict[str, Any]) -> dict[str, Any]:
    """The answers that one kernel has found."""
    found: dict[str, Any] = ana.kernel(JOIN + QUESTIONS)
    return found


@pytest.fixture(scope="module")
def alone(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of another cluster, of one rank, beside the first."""
    with ana.cluster("alone", "--qos", "regular") as record:
        yield record


# -- test_cli.py -----------------------------------------------------------------------------------------------------


def test_ranks_become_workers_and_compute(seen: dict[str, Any]) -> None:
    """Every rank is a worker with a name, and every one computes."""
    assert (NAMES, [8] * 4) == (seen["names"], seen["computed"])


def test_no_rank_is_spent_on_the_scheduler(seen: dict[str, Any]) -> None:
    """There are as many workers as ranks, and MPI's world is theirs alone."""
    assert [[4, 6]] * 4 == seen["before"]
    assert len(seen["names"]) == 4


def test_a_cluster_of_no_rank_is_refused(ana: Notebooks) -> None:
    """The argument is named, and nothing was submitted."""
    refused = ana.command("start", "none", "--ranks-per-node", "0")["error"]

    assert refused["kind"] == "OptionError"
    assert "ranks_per_node" in refused["what"]
    assert [path for path in ana.files if "none" in path] == []


def test_one_rank_is_a_cluster(ana: Notebooks, alone: dict[str, Any]) -> None:
    """One rank is one worker, whose gangs have one rank."""
    found = ana.kernel("""
cluster = MPICluster.from_name("alone")
client = cluster.get_client()
answer = [client.submit(sum, [10, 1]).result(), cluster.run_mpi(lambda comm: comm.size).result()]
""")

    assert found == [11, [1]]


def test_ranks_of_a_later_job_join_the_cluster(ana: Notebooks, record: dict[str, Any]) -> None:
    """A second job brings as many workers again to the scheduler that runs, and they compute."""
    found = ana.kernel(
        JOIN
        + """
import time
cluster.scale(8)
cluster.wait_for_workers(8, timeout=120)
eleven = on("1-3", sum, [10, 1]).result()
jobs = [block.job_id for block in cluster.blocks]
cluster.scale(4)
ends = time.monotonic() + 120
while len(cluster.blocks) > 1 and time.monotonic() < ends:
    time.sleep(0.1)
answer = [eleven, len(set(jobs)), sorted(cluster.observed)]
"""
    )

    assert found == [11, 2, NAMES]


def test_the_scheduler_is_a_process_beside_the_ranks(seen: dict[str, Any]) -> None:
    """No rank shares its process with the scheduler, so none need be chosen for it."""
    assert len({*seen["processes"], seen["scheduler"]}) == 5


def test_each_cluster_listens_on_a_port_of_its_own(
    record: dict[str, Any], alone: dict[str, Any], seen: dict[str, Any]
) -> None:
    """Two clusters of one user stand side by side, and who joins by name comes to the address of the record."""
    assert record["scheduler_address"] != alone["scheduler_address"]
    assert record["scheduler_address"] == seen["address"]


@pytest.fixture(scope="module")
def script(ana: Notebooks) -> list[Any]:
    """A result, the job and the scheduler's address of a script that made a cluster, used it and ended."""
    found: list[Any] = json.loads(ana.python("-", stdin=SCRIPT).splitlines()[-1])
    return found


def test_nothing_listens_after_the_end(ana: Notebooks, script: list[Any]) -> None:
    """Where the scheduler was, nobody answers any more."""
    host, port = script[2].rpartition("//")[2].rsplit(":", 1)

    with socket.socket() as line:
        line.settimeout(30)
        assert line.connect_ex((host, int(port))) != 0


def test_a_record_of_a_dead_cluster_misleads_nobody(ana: Notebooks) -> None:
    """Where all processes were killed at once the record says still that they run; a new cluster takes the name."""
    old = ana.command("start", "stale", "--qos", "regular", "--wait", "120 s")
    ana.says("scancel", "--full", "--signal=KILL", old["job_ids"][0])
    ended = ("FAILED", "CANCELLED", "COMPLETED", "NODE_FAIL")
    job = old["job_ids"][0]
    wait_until(lambda: state_of(ana, job).startswith(ended), seconds=60, otherwise=lambda: state_of(ana, job))

    new = ana.command("start", "stale", "--qos", "regular", "--wait", "120 s")
    found = ana.kernel("answer = MPICluster.from_name('stale').get_client().submit(sum, [10, 1]).result()")
    ana.command("close", "stale")

    assert found == 11
    assert old["scheduler_id"] != new["scheduler_id"]


# -- test_execute.py -------------------------------------------------------------------------------------------------


def test_a_function_on_a_rank_is_a_client_of_the_others(seen: dict[str, Any]) -> None:
    """On a rank that was named it finds every worker by its name, its own too."""
    assert [0, 1, 4, 9] == seen["asked"]


def test_a_gang_on_part_of_the_ranks_leaves_the_world_whole(seen: dict[str, Any]) -> None:
    """Three of four ranks are a communicator; after it, all four hear the first one."""
    assert ([[3, 3]] * 3, [100] * 4) == (seen["part"], seen["whole"])


# -- test_initialize.py ----------------------------------------------------------------------------------------------


def test_a_script_has_a_cluster_from_its_first_line_to_its_last(ana: Notebooks, script: list[Any]) -> None:
    """It computes on a worker by name, and with its end the job is COMPLETED and no file is left."""
    eleven, job, _ = script

    assert eleven == 11
    wait_until(lambda: state_of(ana, job) == "COMPLETED", seconds=60, otherwise=lambda: state_of(ana, job))
    assert [path for path in ana.files if "script" in path] == []


def test_a_script_without_ranks_ends_with_an_error(ana: Notebooks) -> None:
    """Its status says so to the batch system that ran it."""
    line = "from dask_hpc import MPICluster; MPICluster(ranks_per_node=0)"
    done = ana.run_as(
        ana.user, sys.executable, "-c", line, BEAMSIDE_PROFILE=str(ana.profile), XDG_STATE_HOME=str(ana.state),
        PYTHONPATH=str(Path(dask_hpc.__file__).parents[1]), PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip

    assert done.returncode != 0
    assert b"ranks_per_node" in done.stderr


def test_mpi_goes_on_before_between_and_after_tasks(seen: dict[str, Any]) -> None:
    """Gangs before, between and after Dask's own tasks, and all are right."""
    assert seen["before"] == seen["after"] == [[4, 6]] * 4


def test_the_table_names_every_test_here() -> None:
    """Each row names a test of this file, and each of these tests has a row."""
    tests = {name for name in globals() if name.startswith("test_")} - {"test_the_table_names_every_test_here"}
    named = [row.here.partition("`")[2].partition("`")[0] for row in rows("dask-mpi")]

    assert sorted(named) == sorted(tests)
