"""A cluster on a laptop: no scheduler, real MPI, the same class."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from beamside.demo.processes import wait_until
from dask_hpc import ClusterEnded, MPICluster
from facility.clusters import read_record
from facility.errors import OptionError
from tests.dask_hpc.laptop import move_to

MAKE = "from dask_hpc import MPICluster; MPICluster('kept', ranks_per_node=2).wait_for_workers(timeout='60 s')"


def meet(number: int) -> tuple[int, int]:
    """The world's size and the sum over it, from inside a task."""
    from mpi4py import MPI  # noqa: PLC0415 - in a rank, where MPI runs

    return MPI.COMM_WORLD.size, MPI.COMM_WORLD.allreduce(number)


@pytest.fixture(autouse=True)
def _laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_to(tmp_path, monkeypatch)


def agent_of(name: str) -> psutil.Process:
    """The block agent's process."""
    return psutil.Process(int(read_record(name).job_ids[0].split("-")[1]))


def test_ranks_meet_and_close_leaves_nothing(tmp_path: Path) -> None:
    """Two local ranks are one MPI world and two workers; after close there is no process and no file."""
    with MPICluster("here", ranks_per_node=2, qos="realtime") as cluster:
        client = cluster.get_client()
        cluster.wait_for_workers(timeout=60)
        workers = client.scheduler_info(n_workers=-1)["workers"]
        found = client.gather([client.submit(meet, 5, workers=[one], pure=False) for one in workers])
        family = [agent_of("here"), *agent_of("here").children(recursive=True)]
        client.close()

    assert found == [(2, 10), (2, 10)]
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["facility.toml"]


def test_the_scheduler_takes_as_many_connections_as_it_may() -> None:
    """Whatever soft limit of open files it was started with: a rank needs several, and there may be a thousand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard - 1, 1000), hard))
    try:
        with MPICluster("many") as cluster:
            found = cluster.get_client().run_on_scheduler(lambda: resource.getrlimit(resource.RLIMIT_NOFILE))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (hard, hard) == found


def test_nothing_listens_beyond_this_machine() -> None:
    """Agent, scheduler and ranks are on loopback."""
    with MPICluster("quiet", ranks_per_node=2) as cluster:
        cluster.wait_for_workers(timeout=60)
        family = [agent_of("quiet"), *agent_of("quiet").children(recursive=True)]
        sockets = [one for process in family for one in process.net_connections("tcp")]

    assert {one.laddr.ip for one in sockets if one.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_it_outlives_the_kernel_that_made_it() -> None:
    """A process that ends leaves its cluster to whoever joins by name."""
    subprocess.run([sys.executable, "-c", MAKE], check=True, capture_output=True, timeout=90)

    assert [record.name for record in MPICluster.list()] == ["kept"]
    with MPICluster.from_name("kept") as cluster:
        cluster.wait_for_workers(timeout=30)
        cluster.close()
    assert MPICluster.list() == []


def test_a_killed_agent_is_noticed() -> None:
    """Whoever waits is told, and the scheduler and ranks do not stay behind."""
    cluster = MPICluster("shot", ranks_per_node=2)
    cluster.wait_for_workers(timeout=60)
    family = agent_of("shot").children(recursive=True)
    os.kill(agent_of("shot").pid, signal.SIGKILL)

    assert psutil.wait_procs(family, timeout=30)[1] == []
    wait_until(lambda: cluster.status.name == "failed", seconds=60, otherwise=lambda: f"it is {cluster.status}")
    with pytest.raises(ClusterEnded):
        cluster.get_client()
    cluster.close()


def test_a_wish_made_before_there_is_a_scheduler_is_kept() -> None:
    """`scale` right after the cluster was made waits with it, and the second block comes by itself."""
    with MPICluster("early") as cluster:
        cluster.scale(2)
        assert cluster.plan == {"0-0", "1-0"}

        cluster.wait_for_workers(timeout=90)

        assert cluster.observed == cluster.requested == {"0-0", "1-0"}


def test_ranks_that_end_together_come_back_as_one_world() -> None:
    """Here a rank that dies takes the others of its block with it; the new ones see one another."""
    with MPICluster("again", ranks_per_node=2) as cluster:
        client = cluster.get_client()
        cluster.wait_for_workers(timeout=60)
        one = next(iter(client.scheduler_info(n_workers=-1)["workers"]))
        rank = client.submit(os.getpid, workers=[one]).result()
        doomed = client.submit(os.kill, rank, signal.SIGKILL, workers=[one], retries=0)
        wait_until(lambda: cluster.observed == {"0-0.1", "0-1.1"}, seconds=90, otherwise=lambda: f"{cluster.observed}")

        workers = client.scheduler_info(n_workers=-1)["workers"]
        found = client.gather([client.submit(meet, 5, workers=[one], pure=False) for one in workers])
        doomed.release()  # one that nobody holds may never run
        client.close()

    assert found == [(2, 10), (2, 10)]


async def test_it_grows_and_shrinks_with_await() -> None:
    """The same calls are awaited in a loop that runs; an empty cluster's ranks come back in the same job."""
    async with MPICluster("awaited", asynchronous=True) as cluster:
        await cluster
        job = cluster.blocks[0].job_id
        await cluster.scale(0)
        async with asyncio.timeout(60):
            while cluster.blocks[0].state != "empty":  # noqa: ASYNC110 - what the handle shows is what is tested
                await asyncio.sleep(0.05)
        await cluster.scale(1)
        await cluster.wait_for_workers(timeout=60)

        assert [block.job_id for block in cluster.blocks] == [job]
        assert cluster.observed == {"0-0.1"}


def test_more_nodes_than_one_are_refused() -> None:
    """The message names what can be had instead."""
    with pytest.raises(OptionError, match="ranks_per_node"):
        MPICluster("wide", nodes=2)
