"""Blocks whose time is over: walltime, preemption and the end of a reservation, announced as Slurm announces them.

One cluster of two blocks on nodes of their own, in a QOS that may be preempted. Each test leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from tests.dask_hpc.kernels import joined
from tests.dask_hpc.left import state_of, wait_for_no_job, wait_for_nothing

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

COUNT = """
def count(number):
    import distributed, time
    time.sleep(0.02)
    distributed.get_worker().log_event("counted", number)
    return number
"""
BEGIN = (
    joined("manners")
    + COUNT
    + """
until(lambda: is_whole(2))
client.publish_dataset(numbers=client.map(count, range(40), pure=False))
client.gather(client.get_dataset("numbers"))
answer = [len(client.get_events("counted")), cluster.blocks[1].job_id]
"""
)
END = (
    joined("manners")
    + """
until(lambda: is_whole(2) and cluster.blocks[1].job_id != "{job}")
answer = [sum(client.gather(client.get_dataset("numbers"))), len(client.get_events("counted")), log()]
client.unpublish_dataset("numbers")
"""
)


@pytest.fixture(scope="module")
def manners(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of the cluster; each of its blocks fills more than half of a node's memory."""
    where = ("--qos", "preempt", "--reservation", "ncem-tonight", "--blocks", "2")
    with ana.cluster("manners", *where, DASK_DASK_HPC__MEMORY_PER_RANK="18 GiB") as record:
        yield record
    wait_for_nothing(ana, "manners", record["job_ids"])


@contextmanager
def grace(slurm: SlurmCluster, seconds: int) -> Iterator[None]:
    """Jobs that are preempted are told so many seconds before."""
    slurm.run("sacctmgr", "-i", "modify", "qos", "preempt", "set", f"gracetime={seconds}")
    try:
        yield
    finally:
        slurm.run("sacctmgr", "-i", "modify", "qos", "preempt", "set", "gracetime=0")


def preempt(ana: Notebooks, job: str) -> str:
    """Want the job's node for one of higher priority; its id."""
    node = ana.says("squeue", "-h", "-j", job, "-o", "%N")
    wish = ("--account=ncem", "--qos=realtime", "--reservation=ncem-tonight", "--exclusive", "--time=1")
    return ana.says("sbatch", "--parsable", *wish, f"--nodelist={node}", "--output=/dev/null", "--wrap=true")


def test_walltime_takes_nothing_with_it(ana: Notebooks, slurm: SlurmCluster, manners: dict[str, Any]) -> None:
    """At Slurm's own notice the block leaves whole and another comes: no task runs twice, and the job is COMPLETED."""
    runs, job = ana.kernel(BEGIN)

    slurm.run("scontrol", "update", f"jobid={job}", "endtime=now+120")

    total, again, log = ana.kernel(END.format(job=job))
    assert (total, again) == (780, runs)
    assert "leaves: Slurm" in log
    wait_until(lambda: state_of(ana, job) == "COMPLETED", seconds=60, otherwise=lambda: state_of(ana, job))
    wait_for_no_job(ana, [job])


def test_preemption_with_notice_takes_nothing_with_it(
    ana: Notebooks, slurm: SlurmCluster, manners: dict[str, Any]
) -> None:
    """Slurm tells the ranks alone: they stay until what they hold is with others, and the node is free in time."""
    with grace(slurm, 90):
        runs, job = ana.kernel(BEGIN)
        taker = preempt(ana, job)

        total, again, log = ana.kernel(END.format(job=job))

    assert (total, again) == (780, runs)
    assert "leaves: Slurm told its ranks to end" in log
    wait_until(lambda: state_of(ana, job) == "COMPLETED", seconds=60, otherwise=lambda: state_of(ana, job))
    wait_until(lambda: state_of(ana, taker) == "COMPLETED", seconds=60, otherwise=lambda: state_of(ana, taker))
    wait_for_no_job(ana, [job])


def test_preemption_without_notice_costs_time_only(ana: Notebooks, manners: dict[str, Any]) -> None:
    """What was on the block is computed again, another block comes, and nothing of the lost one stays."""
    _, job = ana.kernel(BEGIN)

    preempt(ana, job)

    total, _, log = ana.kernel(END.format(job=job))
    assert total == 780
    assert "is lost: " in log
    wait_for_no_job(ana, [job])


@pytest.fixture(scope="module")
def narrow(ana: Notebooks, slurm: SlurmCluster) -> Iterator[dict[str, Any]]:
    """The record of a cluster in a reservation of one node, on which there is room for one block."""
    operator, make = slurm.people.kim or None, ("starttime=now", "duration=30", "nodes=nid005", "flags=ignore_jobs")
    slurm.run(
        "scontrol", "create", "reservation", "reservationname=dask-narrow", f"users={ana.user}", *make, user=operator
    )
    try:
        where = ("--qos", "regular", "--reservation", "dask-narrow")
        with ana.cluster("narrow", *where, DASK_DASK_HPC__MEMORY_PER_RANK="18 GiB") as record:
            yield record
        wait_for_nothing(ana, "narrow", record["job_ids"])
    finally:
        if "ReservationName=dask-narrow " in slurm.run("scontrol", "show", "reservation", "-o"):
            slurm.run("scontrol", "delete", "reservation=dask-narrow", user=operator)


def test_a_block_that_waits_for_ever_is_told_and_withdrawn(ana: Notebooks, narrow: dict[str, Any]) -> None:
    """Slurm's reason is beside the block, what there is works, and a smaller wish takes the job out of the queue."""
    job, words, total, left = ana.kernel(
        joined("narrow")
        + """
cluster.scale(blocks=2)
until(lambda: "is pending" in cluster.blocks[1].words)
job, words = cluster.blocks[1].job_id, cluster.blocks[1].words
total = client.submit(sum, [40, 2]).result()
cluster.scale(blocks=1)
until(lambda: len(cluster.blocks) == 1)
answer = [job, words, total, [block.state for block in cluster.blocks]]
"""
    )

    assert words.startswith(f"job {job} is pending (")
    assert (total, left) == (42, ["running"])
    wait_until(lambda: state_of(ana, job).startswith("CANCELLED"), seconds=60, otherwise=lambda: state_of(ana, job))


def test_the_end_of_a_reservation_is_told_before_it_comes(
    ana: Notebooks, slurm: SlurmCluster, narrow: dict[str, Any]
) -> None:
    """Also when an operator moves it, which Slurm announces to nobody."""
    operator = slurm.people.kim or None

    slurm.run("scontrol", "update", "reservation=dask-narrow", "endtime=now+110", user=operator)

    told = ana.kernel(
        joined("narrow")
        + """
until(lambda: "ends before long" in log())
answer = log()
"""
    )
    assert "the cluster ends before long, with its first job: Slurm ends its job at " in told
