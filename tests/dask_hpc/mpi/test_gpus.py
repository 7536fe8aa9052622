"""Each rank its own GPUs: which, and that it is so on the real Slurm, also for a rank that replaces a lost one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dask_hpc.mpi.gpus import NoGpus, own_gpus

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks


def test_ranks_of_a_node_share_out_its_gpus_in_their_order() -> None:
    """By every variable that Slurm has set; the numbers are those that Slurm gave."""
    node = {"CUDA_VISIBLE_DEVICES": "1,2,3,5", "ROCR_VISIBLE_DEVICES": "1,2,3,5", "PATH": "/bin"}

    assert own_gpus(node, 2, 1) == {"CUDA_VISIBLE_DEVICES": "3,5", "ROCR_VISIBLE_DEVICES": "3,5"}


def test_without_gpus_nothing_is_changed() -> None:
    """A rank that asked for none sees what its job has."""
    assert own_gpus({"CUDA_VISIBLE_DEVICES": "0"}, 0, 0) == {}


def test_too_few_are_told_with_their_number() -> None:
    """A rank never takes another one's."""
    with pytest.raises(NoGpus, match="takes 1 GPUs, and the job has 1 here"):
        own_gpus({"CUDA_VISIBLE_DEVICES": "0"}, 1, 1)


@pytest.mark.slurm
def test_each_rank_has_its_own_gpu_and_so_has_the_one_that_replaces_it(ana: Notebooks) -> None:
    """CUDA_VISIBLE_DEVICES names one GPU a rank, in gangs too; Dask knows it as the resource GPU."""
    before, after, gangs, tasks = ana.kernel("""
import os, time
def seen():
    return os.environ["CUDA_VISIBLE_DEVICES"]
def by_rank(client):
    workers = client.scheduler_info(n_workers=-1)["workers"]
    found = client.run(seen)
    return {str(workers[address]["name"]).partition(".")[0]: gpu for address, gpu in found.items()}
with MPICluster("with-gpus", ranks_per_node=3, gpus_per_rank=1, qos="regular") as cluster:
    client = cluster.get_client()
    cluster.wait_for_workers(timeout=90)
    before = by_rank(client)
    gangs = cluster.run_mpi(lambda comm: seen(), isolation="step").result(timeout=60)
    lost = next(one for one, facts in client.scheduler_info(n_workers=-1)["workers"].items() if facts["name"] == "0-1")
    dead = client.submit(os.kill, client.submit(os.getpid, workers=[lost]).result(), 9, workers=[lost], retries=0)
    patience = time.monotonic() + 90
    while "0-1.1" not in cluster.observed and time.monotonic() < patience:
        time.sleep(0.1)
    after = by_rank(client)
    tasks = client.gather([client.submit(seen, resources={"GPU": 1}, pure=False) for _ in range(3)])
    answer = [before, after, gangs, tasks]
    dead.release()
    del client
""")

    assert before == after == {"0-0": "0", "0-1": "1", "0-2": "2"}
    assert gangs == ["0", "1", "2"]
    assert set(tasks) <= {"0", "1", "2"}
