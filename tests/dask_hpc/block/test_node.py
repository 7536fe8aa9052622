"""The process of a node that forks its workers, on a machine without a scheduler and without MPI."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import dask
import psutil
import pytest
from distributed import Client

from beamside.demo.processes import wait_until
from dask_hpc import ClusterEnded, MPICluster
from dask_hpc.block.node import shares_of_node
from dask_hpc.deploy.create import make_spec
from facility.clusters import read_record
from facility.errors import OptionError
from tests.dask_hpc.laptop import move_to
from tests.dask_hpc.recipes import PROVIDER, RECIPE


@pytest.fixture(autouse=True)
def _laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_to(tmp_path, monkeypatch)


@pytest.fixture
def cluster() -> Iterator[MPICluster]:
    """Two workers of one node, whose NumPy has drawn a seed before they were forked."""
    wanted = dask.config.set({"dask_hpc.import-once": ["numpy.random"]})
    with wanted, MPICluster("here", ranks_per_node=2, mpi=False) as cluster:
        cluster.wait_for_workers(timeout=60)
        yield cluster


def processes(client: Client) -> dict[str, int]:
    """The numbers of the workers' processes, by the workers' names."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {workers[one]["name"]: process for one, process in client.run(os.getpid).items()}


def forker() -> psutil.Process:
    """The process of the node."""
    agent = psutil.Process(int(read_record("here").job_ids[0].split("-")[1]))
    return next(one for one in agent.children() if "dask_hpc.block.node" in one.cmdline())


def is_gone(process: int) -> bool:
    """Whether a process has ended, whoever has not asked for its status yet."""
    return not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE


def drawn() -> float:
    """A random number of NumPy's, wherever this runs."""
    import numpy  # noqa: PLC0415 - in a worker; by reference, for what is sent along would bring its state

    return numpy.random.random()


def wait_for(cluster: MPICluster, *names: str) -> None:
    """Wait until just these workers are here."""
    wait_until(lambda: set(names) == set(cluster.observed), seconds=60, otherwise=lambda: f"{cluster.observed}")


def test_it_has_no_thread_and_its_workers_no_mpi(cluster: MPICluster) -> None:
    """Every worker is its child, and draws random numbers of its own."""
    with cluster.get_client() as client:
        found = processes(client)
        modules = client.run(lambda: "mpi4py" in sys.modules)
        numbers = client.run(drawn)

    assert {"0-0", "0-1"} == set(found)
    assert set(found.values()) == {one.pid for one in forker().children()}
    assert (1, [False, False], 2) == (forker().num_threads(), list(modules.values()), len(set(numbers.values())))


def test_a_worker_that_dies_leaves_the_others_at_work(cluster: MPICluster) -> None:
    """Where there is MPI they would come anew together."""
    with cluster.get_client() as client:
        before = processes(client)
        os.kill(before["0-0"], 9)
        wait_for(cluster, "0-0.1", "0-1")
        after = processes(client)

    assert after["0-1"] == before["0-1"]


def test_sigterm_to_it_reaches_all(cluster: MPICluster) -> None:
    """Each worker goes as a rank does, at the second word where its scheduler lets it stay at the first."""
    node = forker()
    workers = [one.pid for one in node.children()]

    def are_gone() -> bool:
        with suppress(psutil.NoSuchProcess):
            node.terminate()
        return all(map(is_gone, workers))

    wait_until(are_gone, seconds=60, pause=0.5, otherwise=lambda: f"{workers} are there")
    wait_for(cluster, "0-0.1", "0-1.1")


def test_workers_go_with_it(cluster: MPICluster) -> None:
    """Killed, it tells nobody; its workers notice, and all come anew."""
    node = forker()
    workers = [one.pid for one in node.children()]
    node.kill()
    wait_until(lambda: all(map(is_gone, workers)), seconds=60, otherwise=lambda: f"{workers} are there")
    wait_for(cluster, "0-0.1", "0-1.1")


def test_a_cluster_whose_packages_are_not_there_says_so() -> None:
    """Whoever waits for it reads the key and the name."""
    with (
        dask.config.set({"dask_hpc.import-once": ["no_such_package"]}),
        pytest.raises(ClusterEnded, match=r"no_such_package of dask_hpc\.import-once cannot be imported"),
        MPICluster("lacking", mpi=False) as cluster,
    ):
        cluster.wait_for_workers(timeout=60)


def test_each_worker_has_gpus_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that forks them has those of all."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    spec = replace(make_spec("tonight", RECIPE, 1, PROVIDER), ranks_per_node=2, gpus_per_rank=2)

    assert [{"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "2,3"}] == [
        share.gpus for share in shares_of_node(spec)
    ]


def test_it_is_refused_where_processes_cannot_be_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has no call to wait for signals, and libraries there do not survive it."""
    monkeypatch.delattr(signal, "sigwaitinfo")
    with pytest.raises(OptionError, match="Linux only"):
        MPICluster("elsewhere", mpi=False)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_package", "cannot be imported: No module named 'no_such_package'"),
        ("import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", "starts threads"),
    ],
)
def test_a_package_that_cannot_be_shared_is_named(tmp_path: Path, code: str, words: str) -> None:
    """The message says which key asked for it; one that starts threads would leave their locks to the workers."""
    (tmp_path / "wanted.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from dask_hpc.block.node import import_once; import_once(['wanted'])"],
        capture_output=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert f"wanted of dask_hpc.import-once {words}" in done.stderr.decode()
