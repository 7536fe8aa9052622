"""Clusters that grow, shrink and mend, on the real Slurm with real MPI: block by block, and no result is lost."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from beamside.demo.processes import wait_until
from tests.dask_hpc.kernels import TOOLS, joined
from tests.dask_hpc.left import state_of

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

JOIN = joined("elastic")


@pytest.fixture(scope="module")
def elastic(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of a cluster of one block of two ranks, which a terminal made and left."""
    with ana.cluster("elastic", "--ranks-per-node", "2", "--qos", "regular") as record:
        yield record


def test_a_block_leaves_whole_and_its_results_stay(ana: Notebooks, elastic: dict[str, Any]) -> None:
    """Two kernels grow and shrink one cluster: nothing is computed twice, and the job of the block is COMPLETED."""
    grown = ana.kernel(
        JOIN
        + """
cluster.scale(4)
answer = [sorted(cluster.plan), sorted(cluster.requested)]
"""
    )
    found = ana.kernel(
        JOIN
        + """
def count(number):
    import distributed
    distributed.get_worker().log_event("counted", number)
    return number
until(lambda: is_whole(2))
jobs = [block.job_id for block in cluster.blocks]
futures = client.map(count, range(40), pure=False)
client.gather(futures)
held = {worker["name"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()}
cluster.scale(2)
until(lambda: len(cluster.blocks) == 1 and is_whole(1))
answer = [jobs, sorted(held), sum(client.gather(futures)), len(client.get_events("counted"))]
"""
    )

    assert grown == [["0-0", "0-1", "1-0", "1-1"]] * 2
    jobs, held, total, runs = found
    assert held == ["0-0", "0-1", "1-0", "1-1"]
    assert (total, runs) == (780, 40)
    assert not [path for path in ana.files if "block-" in path]
    wait_until(lambda: state_of(ana, jobs[1]) == "COMPLETED", seconds=60, otherwise=lambda: state_of(ana, jobs[1]))


def test_a_lost_rank_comes_back_under_a_new_name(ana: Notebooks, elastic: dict[str, Any]) -> None:
    """After kill -9 a step of its own replaces the rank; the others stay in their MPI world."""
    found = ana.kernel(
        JOIN
        + """
def die():
    import os
    os.kill(os.getpid(), 9)
def alone():
    from mpi4py import MPI
    return MPI.COMM_WORLD.size
cluster.scale(blocks=1)
until(lambda: is_whole(1))
lost = next(one for one, worker in client.scheduler_info(n_workers=-1)["workers"].items() if worker["name"] == "0-1")
doomed = client.submit(die, workers=[lost], pure=False, retries=0)
until(lambda: "0-1" not in cluster.plan and is_whole(1))
back = [one for one, worker in client.scheduler_info(n_workers=-1)["workers"].items() if worker["name"] != "0-0"]
answer = [sorted(cluster.observed), client.submit(alone, workers=back, pure=False).result()]
"""
    )

    assert found == [["0-0", "0-1.1"], 1]


def test_a_lost_block_is_replaced(ana: Notebooks, elastic: dict[str, Any]) -> None:
    """After scancel of one block's job another job comes, under a number that none had before."""
    grown = ana.kernel(
        JOIN
        + """
cluster.scale(blocks=2)
until(lambda: is_whole(2))
answer = [cluster.blocks[1].number, cluster.blocks[1].job_id]
"""
    )
    ana.says("scancel", grown[1])

    found = ana.kernel(
        JOIN
        + f"""
until(lambda: is_whole(2) and cluster.blocks[1].number > {grown[0]})
told = log()
cluster.scale(blocks=1)
until(lambda: len(cluster.blocks) == 1 and is_whole(1))
answer = told
"""
    )

    assert f"block {grown[0]} is lost" in found


def test_a_block_whose_job_will_end_leaves_in_time(ana: Notebooks, elastic: dict[str, Any]) -> None:
    """At Slurm's notice before the walltime its results move, another job comes, and nothing is computed twice."""
    job = ana.kernel(
        JOIN
        + """
cluster.scale(blocks=2)
until(lambda: is_whole(2))
def count(number):
    import distributed
    distributed.get_worker().log_event("counted in time", number)
    return number
client.publish_dataset(numbers=client.map(count, range(40), pure=False))
client.gather(client.get_dataset("numbers"))
answer = cluster.blocks[1].job_id
"""
    )
    ana.says("scancel", "--batch", "--signal=USR1", job)

    found = ana.kernel(
        JOIN
        + f"""
until(lambda: is_whole(2) and cluster.blocks[1].job_id != "{job}")
answer = [sum(client.gather(client.get_dataset("numbers"))), len(client.get_events("counted in time"))]
client.unpublish_dataset("numbers")
cluster.scale(blocks=1)
until(lambda: len(cluster.blocks) == 1 and is_whole(1))
"""
    )

    assert found == [780, 40]
    wait_until(lambda: state_of(ana, job) == "COMPLETED", seconds=60, otherwise=lambda: state_of(ana, job))


def test_an_adaptive_cluster_comes_and_goes_with_its_tasks(ana: Notebooks, elastic: dict[str, Any]) -> None:
    """The kernel that asked for it may die; tasks call for ranks, and idle ranks go, to none at all."""
    ana.kernel(JOIN + "cluster.adapt(minimum=0, maximum=4, interval='200 ms')\nanswer = 0")

    found = ana.kernel(
        JOIN
        + """
sizes = []
for _ in range(2):
    until(lambda: states() == ["empty"] and not cluster.plan)
    sizes.append(sum(client.gather(client.map(pow, range(8), range(8), pure=False))))
client.close()
until(lambda: states() == ["empty"])
cluster.scale(blocks=1)
until(lambda: is_whole(1))
answer = sizes
"""
    )

    assert found == [sum(number**number for number in range(8))] * 2


REFUSING = """#!/bin/sh
if [ -e {flag} ]; then echo "sbatch: error: No more jobs today" >&2; exit 1; fi
exec {sbatch} "$@"
"""


@pytest.fixture
def flag(ana: Notebooks) -> Iterator[Path]:
    """A file; while it is there, sbatch refuses whoever has the profile beside it, `flag.toml`."""
    flag, sbatch = ana.profile.parent / "no-more", ana.profile.parent / "refusing-sbatch"
    profile = ana.profile.read_text(encoding="utf-8")
    real = next(line for line in profile.splitlines() if line.startswith("sbatch = ")).split('"')[1]
    sbatch.write_text(REFUSING.format(flag=shlex.quote(str(flag)), sbatch=shlex.quote(real)), encoding="utf-8")
    sbatch.chmod(0o755)
    flag.with_suffix(".toml").write_text(profile.replace(real, str(sbatch)), encoding="utf-8")
    flag.with_suffix(".toml").chmod(0o644)
    yield flag
    for path in (flag, sbatch, flag.with_suffix(".toml")):
        path.unlink(missing_ok=True)


def test_a_refused_block_is_told_and_not_counted(ana: Notebooks, flag: Path) -> None:
    """sbatch's words are in the exception and the log; what there is stays, and the next wish is fulfilled."""
    desk = replace(ana, profile=flag.with_suffix(".toml"))
    desk.command("start", "refused", "--qos", "regular", "--wait", "120 s")
    join = TOOLS + 'cluster = MPICluster.from_name("refused")\n'
    flag.touch()

    words, planned, requested, log = desk.kernel(
        join
        + """
from facility.errors import SubmitRefused
try:
    cluster.scale(2)
except SubmitRefused as error:
    words = str(error)
answer = [words, sorted(cluster.plan), sorted(cluster.requested), log()]
"""
    )
    flag.unlink()
    grown = desk.kernel(
        join
        + """
cluster.scale(2)
until(lambda: is_whole(2))
answer = sorted(cluster.observed)
cluster.close()
"""
    )

    assert "No more jobs today" in words
    assert (planned, requested) == (["0-0"], ["0-0"])
    assert "No more jobs today" in log
    assert len(grown) == 2
