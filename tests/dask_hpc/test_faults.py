"""Faults of a cluster's processes and of what they stand on; after each, nothing of it is left that should not be.

One cluster of two ranks, in which each test leaves one whole block behind; the last one ends it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from beamside.demo.processes import wait_until
from tests.dask_hpc.kernels import TOOLS, joined
from tests.dask_hpc.left import left_of_jobs, wait_for_nothing

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

FLAG = """
import pathlib, tempfile
room = tempfile.TemporaryDirectory()
flag = pathlib.Path(room.name) / "go"
def at_the_flag(number):
    while not flag.exists():
        time.sleep(0.05)
    return number
"""
JOIN = joined("faulty")


@pytest.fixture(scope="module")
def faulty(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of a cluster whose ranks count as lost after a quarter of a minute of silence."""
    size = ("--ranks-per-node", "2", "--qos", "regular")
    with ana.cluster("faulty", *size, DASK_DASK_HPC__SILENCE_TIMEOUT="15 s") as record:
        yield record
    wait_for_nothing(ana, "faulty", record["job_ids"])


def test_a_rank_that_is_stopped_is_replaced_and_goes(ana: Notebooks, faulty: dict[str, Any]) -> None:
    """SIGSTOP, as a node that hangs: its tasks run elsewhere, another rank comes, and its process does not stay."""
    stopped, total, observed = ana.kernel(
        JOIN
        + """
until(lambda: is_whole(1))
workers = client.scheduler_info(n_workers=-1)["workers"]
address = next(one for one, worker in workers.items() if worker["name"] == "0-1")
rank = client.submit(os.getpid, workers=[address]).result()
os.kill(rank, signal.SIGSTOP)
futures = client.map(lambda number: (time.sleep(0.05), number)[1], range(40), pure=False)
total = sum(client.gather(futures))
until(lambda: "0-1" not in cluster.plan and is_whole(1))
answer = [rank, total, sorted(cluster.observed)]
"""
    )

    assert total == 780
    assert observed == ["0-0", "0-1.1"]
    wait_until(lambda: not psutil.pid_exists(stopped), seconds=60, otherwise=lambda: f"process {stopped} is there")


def test_a_disk_that_is_full_costs_the_record_its_news_only(ana: Notebooks, faulty: dict[str, Any]) -> None:
    """Blocks come and work; who joins by name finds the last record, and the news once there is room."""
    before, total, after = ana.kernel(
        JOIN
        + """
import resource
from facility.clusters import read_record
agent = client.run_on_scheduler(os.getppid)
_, most = resource.prlimit(agent, resource.RLIMIT_FSIZE)
resource.prlimit(agent, resource.RLIMIT_FSIZE, (100, most))
cluster.scale(blocks=2)
until(lambda: is_whole(2))
before = len(read_record("faulty").blocks)
total = sum(client.gather(client.map(pow, range(20), [2] * 20, pure=False)))
resource.prlimit(agent, resource.RLIMIT_FSIZE, (most, most))
until(lambda: len(read_record("faulty").blocks) == 2)
after = [block.state for block in read_record("faulty").blocks]
cluster.scale(blocks=1)
until(lambda: len(cluster.blocks) == 1 and is_whole(1))
answer = [before, total, after]
"""
    )

    assert before == 1
    assert total == sum(number**2 for number in range(20))
    assert after == ["running", "running"]


def test_a_home_that_is_full_gets_no_cluster(ana: Notebooks) -> None:
    """The message says so before anything is submitted, and nothing is left."""
    words = ana.kernel("""
import resource
from facility.errors import HomeRefused
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    MPICluster("crowded", qos="regular").get_client()
except HomeRefused as error:
    answer = str(error)
""")

    assert "does not take a cluster's files: File too large; nothing was submitted" in words
    assert ana.says("sacct", "-nXP", "--name=dask-crowded", "-o", "jobid") == ""
    assert not [path for path in ana.files if "crowded" in path]


def test_a_killed_kernel_leaves_a_cluster_for_a_while_only(ana: Notebooks) -> None:
    """Its tasks are nobody's any more; all blocks' jobs end in order when nobody joins."""
    program = f"""
import json, sys
from dask_hpc import MPICluster
{TOOLS}
cluster = MPICluster("orphan", blocks=2, qos="regular")
client = cluster.get_client()
until(lambda: is_whole(2))
futures = client.map(lambda number: time.sleep(1), range(8))
print(json.dumps([block.job_id for block in cluster.blocks]))
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    soon = {"DASK_DASK_HPC__NO_CLIENT_TIMEOUT": "5 s", "DASK_DASK_HPC__LOST_CLIENT_TIMEOUT": "2 s"}
    printed = ana.python("-", stdin=program, check=False, **soon)
    jobs = json.loads(printed.splitlines()[-1])

    wait_for_nothing(ana, "orphan", jobs)
    states = ana.says("sacct", "-nXP", "-j", ",".join(jobs), "-o", "state").split()
    assert states == ["COMPLETED", "COMPLETED"]


def test_adapting_many_times_leaves_nothing(ana: Notebooks) -> None:
    """From none to eight ranks and back, as often as `BEAMSIDE_ADAPT_CYCLES` says: no job and no process piles up."""
    cycles = int(os.environ.get("BEAMSIDE_ADAPT_CYCLES", "2"))
    jobs, sizes, most = ana.kernel(
        TOOLS
        + FLAG
        + f"""
cluster = MPICluster("breathing", ranks_per_node=4, qos="regular")
client = cluster.get_client()
cluster.adapt(minimum=0, maximum=8, interval="100 ms", wait_count=2, target_duration="50 ms")
jobs, sizes, most = set(), [], 0
for cycle in range({cycles}):
    until(lambda: states() == ["empty"] and not cluster.observed)
    futures = client.map(at_the_flag, range(64), pure=False)
    until(lambda: len(cluster.observed) == 8)
    jobs |= {{block.job_id for block in cluster.blocks}}
    flag.touch()
    sizes.append(sum(client.gather(futures)))
    most = max(most, len(cluster.observed))
    flag.unlink()
    del futures
until(lambda: states() == ["empty"] and not cluster.observed)
client.close()
cluster.close()
answer = [sorted(jobs), sizes, most]
"""
    )

    assert sizes == [2016] * cycles
    assert (len(jobs), most) == (cycles + 1, 8)
    wait_for_nothing(ana, "breathing", jobs)


def test_gangs_that_wait_call_for_blocks(ana: Notebooks, faulty: dict[str, Any]) -> None:
    """In an adaptive cluster without ranks a gang gets them, and two that last get a block each."""
    one, two = ana.kernel(
        JOIN
        + FLAG
        + """
def meet(comm, waits):
    if waits:
        at_the_flag(0)
    return comm.allreduce(1)
cluster.adapt(minimum=0, maximum=4, interval="200 ms", target_duration="500 ms")
until(lambda: states() == ["empty"] and not cluster.observed)
one = cluster.run_mpi(meet, False, ranks=2).result(timeout=90)
lasting = [cluster.run_mpi(meet, True, ranks=2) for _ in range(2)]
until(lambda: len(cluster.observed) == 4)
flag.touch()
two = [future.result(timeout=90) for future in lasting]
del lasting
cluster.scale(blocks=1)  # the first job may have let its ranks go already: then another block is the one that stays
until(lambda: [state for state in states() if state != "empty"] == ["running"] and cluster.observed == cluster.plan)
answer = [one, two]
"""
    )

    assert one == [2, 2]
    assert two == [[2, 2]] * 2


def test_a_killed_scheduler_is_named_and_takes_its_jobs_along(ana: Notebooks, faulty: dict[str, Any]) -> None:
    """Who waits is told, and all blocks' jobs end by themselves; the name tells why until it is used again."""
    jobs, words = ana.kernel(
        JOIN
        + """
from dask_hpc import ClusterEnded
cluster.scale(blocks=2)
until(lambda: is_whole(2))
jobs = [block.job_id for block in cluster.blocks]
scheduler = client.run_on_scheduler(os.getpid)
client.close()
os.kill(scheduler, signal.SIGKILL)
try:
    cluster.wait_for_workers(8, timeout=90)
except ClusterEnded as error:
    answer = [jobs, str(error)]
"""
    )

    assert "the scheduler process died" in words
    wait_for_nothing(ana, "faulty", jobs, keeps_reason=True)
    assert not left_of_jobs(ana, jobs)
