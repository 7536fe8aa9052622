"""Packed environments on the nodes of a real Slurm: brought once, unpacked on each, gone with the block."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from beamside.demo.processes import wait_until
from tests.dask_hpc.left import processes_of, wait_for_nothing
from tests.dask_hpc.packed import make_archive

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = [pytest.mark.slurm, pytest.mark.needs_root]  # a slurmd that is not root's takes no file from sbcast

SIZE = ("--nodes", "2", "--ranks-per-node", "2", "--memory-per-rank", "512 MiB", "--qos", "regular")
CLUSTER = """
import os
cluster = MPICluster.from_name("packed")
client = cluster.get_client()
cluster.wait_for_workers(4, timeout=90)
"""


def of_job(job: str) -> list[Path]:
    """What the nodes have of the environment of this job's block."""
    return list(Path(tempfile.gettempdir()).glob(f"beamside-environment-{job}-*"))


@pytest.fixture(scope="module")
def place(ana: Notebooks) -> Iterator[Path]:
    """A folder that ana can read."""
    with tempfile.TemporaryDirectory(prefix="packed-", dir=ana.profile.parent) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def packed(ana: Notebooks, place: Path) -> Iterator[str]:
    """The job of a cluster of 2 nodes × 2 ranks, whose environment conda-unpack has seen."""
    mark = "import pathlib, sys; pathlib.Path(sys.prefix, 'unpacked').write_text('by conda-unpack')"
    archive = make_archive(place, further={"bin/conda-unpack": mark})
    with ana.cluster("packed", *SIZE, "--packed-environment", str(archive)) as record:
        yield record["job_ids"][0]
    wait_for_nothing(ana, "packed", record["job_ids"])
    assert [] == of_job(record["job_ids"][0])


def test_ranks_are_of_the_nodes_own_environment_and_one_mpi_world(ana: Notebooks, packed: str) -> None:
    """Each node has one; the scheduler is of the Python that made the cluster."""
    ranks, scheduler = ana.kernel(
        CLUSTER
        + """
def where(comm):
    import dask_hpc, pathlib, sys
    mark = pathlib.Path(sys.prefix, "unpacked").read_text()
    return [comm.allreduce(1), sys.prefix, dask_hpc.__file__, os.environ["SLURMD_NODENAME"], mark]
answer = [cluster.run_mpi(where).result(timeout=60), client.run_on_scheduler(lambda: __import__("sys").prefix)]
"""
    )

    assert [(4, "by conda-unpack")] * 4 == [(size, mark) for size, *_, mark in ranks]
    assert 2 == len({prefix for _, prefix, *_ in ranks})
    for _, prefix, module, node, _ in ranks:
        assert prefix.endswith(f"/{node}")
        assert module.startswith(f"{prefix}/lib/")
        assert prefix.startswith(str(of_job(packed)[0]))
    assert not scheduler.startswith(tempfile.gettempdir() + "/beamside-environment")


def test_what_lies_on_the_nodes_is_the_users_alone(ana: Notebooks, packed: str) -> None:
    """And the archive has gone from there."""
    (found,) = of_job(packed)

    assert "0o700" == oct(found.stat().st_mode & 0o7777)
    assert 2 == len(list(found.iterdir()))


def test_a_step_of_its_own_has_the_environment_too(ana: Notebooks, packed: str) -> None:
    """Its processes are started by a rank."""
    found = ana.kernel(
        CLUSTER
        + """
def where(comm):
    import sys
    return [comm.size, sys.prefix]
answer = cluster.run_mpi(where, ranks=2, isolation="step").result(timeout=60)
"""
    )

    assert all(size == 2 and prefix.startswith(str(of_job(packed)[0])) for size, prefix in found)


def test_a_lost_rank_comes_back_in_the_environment_that_is_there(ana: Notebooks, packed: str) -> None:
    """By a step of its own, without another broadcast."""
    found = ana.kernel(
        CLUSTER
        + """
import signal, time
before = set(client.scheduler_info(n_workers=-1)["workers"])
os.kill(client.submit(os.getpid, workers=[sorted(before)[0]]).result(), signal.SIGKILL)
while len(now := set(client.scheduler_info(n_workers=-1)["workers"])) < 4 or now == before:
    time.sleep(0.2)
answer = sorted(set(client.run(lambda: __import__("sys").prefix).values()))
"""
    )

    assert sorted(str(path) for path in of_job(packed)[0].iterdir()) == found


def test_workers_without_mpi_are_forked_in_the_environment(ana: Notebooks, place: Path) -> None:
    """One process on each node imports from the node's own disk."""
    archive = make_archive(place / "forked")
    with ana.cluster("of-pack", *SIZE, "--no-mpi", "--packed-environment", str(archive)) as record:
        found = ana.kernel("""
client = MPICluster.from_name("of-pack").get_client()
answer = list(client.run(lambda: [__import__("os").getppid(), __import__("sys").prefix]).values())
""")
        there = sorted(str(path) for path in of_job(record["job_ids"][0])[0].iterdir())
    wait_for_nothing(ana, "of-pack", record["job_ids"])

    assert (4, 2) == (len(found), len({process for process, _ in found}))
    assert there == sorted({prefix for _, prefix in found})


def test_nothing_stays_when_all_ranks_and_keepers_are_killed(ana: Notebooks, place: Path) -> None:
    """kill -9 of everything on the nodes but the agent: it sees to what nobody else can remove."""
    archive = make_archive(place / "again")
    with ana.cluster("killed", *SIZE, "--packed-environment", str(archive)) as record:
        job = record["job_ids"][0]
        doomed = [one for one in processes_of(ana, [job])
                  if {"dask_hpc.block.rank", "dask_hpc.block.environment"} & set(one.cmdline())
                  and "srun" not in one.name()]  # fmt: skip
        assert len(doomed) == 6
        for one in doomed:
            os.kill(one.pid, signal.SIGKILL)
    wait_for_nothing(ana, "killed", record["job_ids"])

    wait_until(lambda: not of_job(job), seconds=30, otherwise=lambda: f"{of_job(job)}")


def test_nothing_stays_of_a_job_that_was_cancelled(ana: Notebooks, place: Path) -> None:
    """By scancel, as at the end of its walltime."""
    archive = make_archive(place / "cancelled")
    with ana.cluster("cancelled", *SIZE, "--packed-environment", str(archive)) as record:
        job = record["job_ids"][0]
        ana.says("scancel", job)
        wait_for_nothing(ana, "cancelled", record["job_ids"], keeps_reason=True)

        wait_until(lambda: not of_job(job), seconds=30, otherwise=lambda: f"{of_job(job)}")


def test_a_cluster_that_is_closed_before_its_environment_is_there_leaves_nothing(ana: Notebooks, place: Path) -> None:
    """What is under way is broken off."""
    large = "x" * 2**26
    archive = make_archive(place / "early", further={"share/large": large})
    record = ana.command("start", "early", *SIZE, "--packed-environment", str(archive))
    job = record["job_ids"][0]
    wait_until(lambda: bool(of_job(job)), seconds=60, otherwise=lambda: "it does not come")
    ana.command("close", "early")
    wait_for_nothing(ana, "early", [job])

    wait_until(lambda: not of_job(job), seconds=30, otherwise=lambda: f"{of_job(job)}")


def refused(ana: Notebooks, archive: Path | str) -> str:
    """What is said of a cluster of this archive."""
    asked = ("start", "refused", *SIZE, "--packed-environment", str(archive), "--wait", "90 s")
    answer = ana.command(*asked)
    return f"{answer['error']['kind']}: {answer['error']['what']}"


def test_an_archive_without_a_python_ends_the_cluster_with_the_way_to_make_one(ana: Notebooks, place: Path) -> None:
    """Before any rank began."""
    words = refused(ana, make_archive(place / "bare", leave_out="bin/python3"))

    assert words.startswith("ClusterEnded")
    assert "no bin/python3 is in it that can be run on this node; pack the environment from inside" in words


def test_an_archive_that_is_cut_off_is_told_in_tars_words(ana: Notebooks, place: Path) -> None:
    """As a copy that was not finished leaves it."""
    whole = make_archive(place / "cut")
    whole.write_bytes(whole.read_bytes()[:-50_000])

    words = refused(ana, whole)

    assert words.startswith("ClusterEnded")
    assert "gzip: stdin: unexpected end of file" in words


def test_what_is_no_archive_is_refused_at_once(ana: Notebooks, place: Path) -> None:
    """Without a job, and with the way to make one."""
    assert "there/is/none cannot be read: No such file or directory" in refused(ana, "/there/is/none")
    assert "is no tar archive; make one by conda-pack" in refused(ana, ana.profile)
