"""A cluster without MPI on the real Slurm: each of two nodes imports once, and forks its two workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.dask_hpc.kernels import joined
from tests.dask_hpc.left import wait_for_nothing

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

JOIN = joined("forked")
ON_EACH = """
def on_each(function):
    workers = {worker["name"]: address for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()}
    tasks = {name: client.submit(function, workers=[one], pure=False) for name, one in sorted(workers.items())}
    return list(client.gather(tasks).items())
"""


@pytest.fixture(scope="module")
def forked(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of the cluster, which a terminal made and left."""
    size = ("--no-mpi", "--nodes", "2", "--ranks-per-node", "2", "--qos", "regular")
    with ana.cluster("forked", *size, DASK_DASK_HPC__IMPORT_ONCE="['colorsys']") as record:
        yield record
    wait_for_nothing(ana, "forked", record["job_ids"])


def test_each_node_forks_its_workers_from_one_process(ana: Notebooks, forked: dict[str, Any]) -> None:
    """Four workers compute, in processes of their own, with what was imported for them; none has MPI."""
    found = ana.kernel(
        JOIN
        + ON_EACH
        + """
import sys
def told():
    return os.getppid(), os.getpid(), os.environ["SLURMD_NODENAME"], "colorsys" in sys.modules, "mpi4py" in sys.modules
answer = on_each(told)
"""
    )

    parents = {node: {parent for _, (parent, _, where, *_) in found if where == node} for _, (_, _, node, *_) in found}
    assert [name for name, _ in found] == ["0-0", "0-1", "0-2", "0-3"]
    assert [len(one) for one in parents.values()] == [1, 1]
    assert len({process for _, (_, process, *_) in found}) == 4
    assert {tuple(modules) for _, (_, _, _, *modules) in found} == {(True, False)}


def test_what_needs_mpi_is_refused_at_once(ana: Notebooks, forked: dict[str, Any]) -> None:
    """By the cluster, and by its scheduler where it comes from a client; the message says what to do."""
    refused = ana.kernel(
        JOIN
        + """
from dask_hpc import NoMpi, mpi_task
answer = []
for ask in (lambda: cluster.run_mpi(len), cluster.regang, lambda: mpi_task(ranks=2)(len)()):
    try:
        ask()
    except NoMpi as error:
        answer.append(str(error))
"""
    )

    assert len(refused) == 3
    assert all("'forked' have no MPI" in words and "mpi=True" in words for words in refused)


def test_a_worker_that_dies_is_told_and_replaced(ana: Notebooks, forked: dict[str, Any]) -> None:
    """After kill -9 another takes its place on its node; the others are those that were."""
    before, after, told, log = ana.kernel(
        JOIN
        + ON_EACH
        + """
def where():
    return os.getpid(), os.environ["SLURMD_NODENAME"]
before = dict(on_each(where))
os.kill(before["0-3"][0], signal.SIGKILL)
until(lambda: "0-3.1" in cluster.observed and is_whole(1))
answer = [before, dict(on_each(where)), log(), cluster.get_logs(scheduler=False, workers=False)["Block 0"]]
"""
    )

    assert [before.pop("0-3")[1]] == [after.pop("0-3.1")[1]]
    assert before == after
    assert "rank 3 of block 0 was lost; starting anew" in told
    assert "worker 0-3 (process " in log
    assert ") ended by SIGKILL" in log


def test_workers_whose_node_has_lost_its_process_come_anew(ana: Notebooks, forked: dict[str, Any]) -> None:
    """They go with it, and others take their places on that node; those of the other node work on."""
    before, after = ana.kernel(
        JOIN
        + ON_EACH
        + """
def where():
    return os.getpid(), os.environ["SLURMD_NODENAME"]
before = on_each(where)
os.kill(client.submit(os.getppid, workers=[before[0][0]], pure=False).result(), signal.SIGKILL)
until(lambda: not {"0-0", "0-1"} & cluster.plan and is_whole(1))
answer = [before, on_each(where)]
"""
    )

    assert before[2:] == after[2:]
    assert [node for _, (_, node) in before] == [node for _, (_, node) in after]
    assert not {process for _, (process, _) in before[:2]} & {process for _, (process, _) in after[:2]}


def test_workers_of_a_node_share_its_cpus(ana: Notebooks, forked: dict[str, Any]) -> None:
    """Each is bound to a part of what its node's process may use; one that replaced another has that one's."""
    found = ana.kernel(
        JOIN
        + ON_EACH
        + """
answer = on_each(lambda: [sorted(os.sched_getaffinity(0)), sorted(os.sched_getaffinity(os.getppid()))])
"""
    )

    for first, second in ((found[0][1], found[1][1]), (found[2][1], found[3][1])):
        assert first[1] == second[1] == sorted(first[0] + second[0])
        assert first[0]
        assert second[0]


def test_workers_that_slurm_tells_to_end_leave_with_all_they_hold(ana: Notebooks, forked: dict[str, Any]) -> None:
    """As at a preemption with a grace time: each hears of it once, stays while its block leaves, and loses nothing."""
    job = ana.kernel(
        JOIN
        + """
cluster.scale(blocks=2)
until(lambda: is_whole(2))
def hold(number):
    import distributed
    distributed.get_worker().log_event("held", number)
    return number
there = [one for one, worker in client.scheduler_info(n_workers=-1)["workers"].items() if worker["name"][0] == "1"]
held = client.map(hold, range(20), workers=there, allow_other_workers=True, pure=False)
client.publish_dataset(held=held)
answer = cluster.blocks[1].job_id if sum(client.gather(held)) == 190 else ""
"""
    )
    ana.says("scancel", "--signal=TERM", f"{job}.0")

    total, runs, told = ana.kernel(
        JOIN
        + f"""
until(lambda: is_whole(2) and cluster.blocks[1].job_id != "{job}")
answer = [sum(client.gather(client.get_dataset("held"))), len(client.get_events("held")), log()]
client.unpublish_dataset("held")
cluster.scale(blocks=1)
"""
    )
    assert (total, runs) == (190, 20)
    assert "block 1 leaves: Slurm told its ranks to end" in told


def test_a_cancelled_job_leaves_nothing(ana: Notebooks) -> None:
    """scancel ends the process of the node and its workers, and their scratch goes with them."""
    record = ana.command(
        "start", "cancelled", "--no-mpi", "--ranks-per-node", "2", "--qos", "regular", "--wait", "60 s"
    )

    ana.says("scancel", record["job_ids"][0])

    wait_for_nothing(ana, "cancelled", record["job_ids"], keeps_reason=True)
    ana.command("close", "cancelled")
