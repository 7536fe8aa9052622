"""A cluster in the reservation, used from many notebooks: real Slurm, real MPI, one batch job."""

from __future__ import annotations

import pwd
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Desk, Notebooks

pytestmark = pytest.mark.slurm

ON_EVERY_RANK = """
def on_every_rank(client, function):
    workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
    return client.gather([client.submit(function, workers=[worker], pure=False) for worker in workers])

def meet():
    from mpi4py import MPI
    world = MPI.COMM_WORLD
    return [world.rank, world.size, world.allreduce(world.rank + 1), MPI.Get_processor_name()]
"""
WITHOUT_RESERVATION = ("--qos", "regular")


def uid(notebooks: Notebooks) -> int:
    """The user's number."""
    return pwd.getpwnam(notebooks.user).pw_uid


def accounting(ana: Notebooks, job: str, wanted: str = "COMPLETED") -> list[str]:
    """Account, QOS, reservation and node count of a job, once Slurm's accounting says that it ended as wanted."""
    fields = "state,exitcode,account,qos,reservation,nnodes"

    def row() -> list[str]:
        return ana.says("sacct", "-nXP", "-j", job, "-o", fields).split("|")

    def is_whole() -> bool:
        """The end of a short job can be recorded before its beginning, which brings QOS and reservation."""
        return row()[0].startswith(wanted) and "Unknown" not in row()

    wait_until(is_whole, seconds=30, otherwise=lambda: f"job {job}: {row()}")
    return row()[1:]


def test_ranks_on_two_nodes_are_workers_and_one_mpi_world(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """A task on each of the four workers takes part in one collective over both nodes."""
    found = ana.kernel(ON_EVERY_RANK + 'answer = on_every_rank(MPICluster.from_name("tonight").get_client(), meet)')

    assert sorted(rank for rank, *_ in found) == [0, 1, 2, 3]
    assert {(4, 10)} == {(size, total) for _, size, total, _ in found}
    assert len({host for *_, host in found}) == 2


def test_a_kernel_that_dies_leaves_its_data_to_the_next(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """What one kernel published is there for another that joins by name, after the first was killed."""
    join = 'from dask_hpc import MPICluster\nclient = MPICluster.from_name("tonight").get_client()\n'
    publish = "client.publish_dataset(client.submit(sum, [40, 2]), name='scan')\nimport os\nos.kill(os.getpid(), 9)\n"
    ana.python("-", stdin=join + publish, check=False)

    found = ana.kernel(join + "answer = client.get_dataset('scan').result()\nclient.unpublish_dataset('scan')")

    assert found == 42


def test_leaving_a_joined_cluster_ends_nothing(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """The end of a `with` block only lets go of a cluster that was joined by name."""
    ana.kernel('with MPICluster.from_name("tonight") as cluster:\n    cluster.wait_for_workers()\nanswer = 0')

    assert "tonight" in [record["name"] for record in ana.command("list") if record["state"] == "running"]


def test_a_cluster_is_used_with_await_too(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """In a loop that runs, the same class is awaited."""
    found = ana.kernel("""
import asyncio
async def main():
    async with MPICluster.from_name("tonight", asynchronous=True) as cluster:
        await cluster.wait_for_workers(timeout=30)
        async with cluster.get_client() as client:
            return await client.submit(sum, [1, 2])
answer = asyncio.run(main())
""")

    assert found == 3


def test_a_name_in_use_is_refused_with_the_way_to_join(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """A second cluster of the same name is not submitted."""
    refused = ana.command("start", "tonight")["error"]

    assert refused["kind"] == "NameTaken"
    assert "MPICluster.from_name('tonight') joins it" in refused["what"]


def test_the_repr_tells_workers_and_the_page_has_them(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """A notebook shows the cluster as Dask's clusters are shown."""
    text, page = ana.kernel("""
cluster = MPICluster.from_name("tonight")
cluster.wait_for_workers()
answer = [repr(cluster), cluster._repr_html_()]
""")

    assert "workers=4, threads=4" in text
    assert "runs the scheduler at" in page


def test_close_ends_the_job_by_itself(ana: Notebooks) -> None:
    """Slurm's accounting says COMPLETED, with the account, QOS, reservation and nodes asked for; no file stays."""
    before = ana.files
    job = ana.kernel("""
with MPICluster("briefly", nodes=2, ranks_per_node=1, account="ncem", reservation="ncem-tonight") as cluster:
    cluster.wait_for_workers(timeout=90)
    answer = cluster.record.job_ids[0]
""")

    assert accounting(ana, job) == ["0:0", "ncem", "realtime", "ncem-tonight", "2"]
    assert before == ana.files


def test_a_cluster_that_everybody_forgot_ends(ana: Notebooks) -> None:
    """Without a client for `dask_hpc.no-client-timeout` the cluster closes, and the job ends as it should."""
    record = ana.command(
        "start", "forgotten", *WITHOUT_RESERVATION, "--wait", "60 s", DASK_DASK_HPC__NO_CLIENT_TIMEOUT="5 s"
    )

    accounting(ana, record["job_ids"][0])
    assert not [path for path in ana.files if "forgotten" in path]


def test_a_cancelled_cluster_says_so_to_who_joins(ana: Notebooks) -> None:
    """After scancel the name tells why it ended until it is used again, and holds no key any more."""
    record = ana.command("start", "cut", *WITHOUT_RESERVATION, "--wait", "60 s")
    ana.says("scancel", record["job_ids"][0])
    accounting(ana, record["job_ids"][0], wanted="CANCELLED")
    why = """
from dask_hpc import ClusterEnded
try:
    MPICluster.from_name("cut").get_client()
except ClusterEnded as error:
    answer = str(error)
"""

    assert "the job was told to end: it was cancelled" in ana.kernel(why)
    assert not [path for path in ana.files if "cut" in path and path.endswith(".pem")]
    assert ana.command("close", "cut") == {"closed": "cut"}


def test_a_cancelled_cluster_begins_again_with_the_same_request(ana: Notebooks) -> None:
    """One line submits a job of the same size, QOS and account under the same name."""
    size = ("--nodes", "2", "--ranks-per-node", "1", "--account", "ncem")
    record = ana.command("start", "anew", *size, *WITHOUT_RESERVATION, "--wait", "60 s")
    ana.says("scancel", record["job_ids"][0])
    accounting(ana, record["job_ids"][0], wanted="CANCELLED")
    job, workers = ana.kernel("""
with MPICluster.start_again("anew") as cluster:
    cluster.wait_for_workers(timeout=90)
    answer = [cluster.record.job_ids[0], len(cluster.get_client().nthreads())]
""")

    assert (job != record["job_ids"][0], workers) == (True, 2)
    assert accounting(ana, job)[1:] == ["ncem", "regular", "", "2"]


def test_a_refusal_reaches_the_user_in_slurms_words(ana: Notebooks) -> None:
    """sbatch's own words come with what was asked for, and nothing stays behind."""
    refused = ana.command("start", "refused", "--account", "ncem", "--constraint", "moon")["error"]

    assert refused["kind"] == "SubmitRefused"
    assert "Invalid feature specification" in refused["what"]
    assert "account ncem" in refused["what"]
    assert not [path for path in ana.files if "refused" in path]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--reservation", "beam-042"), "there is no reservation beam-042; there are als-later, "),
        (("--account", "als"), "qos: account als may not use QOS realtime, but debug, interactive, regular, shared"),
        (("--account", "m1234"), "account: you may not charge m1234; you may charge als, ncem"),
        (("--partition", "long"), "partition: there is no partition long; there are exclusive, login, main"),
        (("--walltime", "5:00:00"), "walltime: 5:00:00 is longer than the 4:00:00 that QOS realtime allows"),
    ],
)
def test_what_slurm_does_not_offer_is_never_submitted(ana: Notebooks, asked: tuple[str, str], words: str) -> None:
    """The argument is named with what can be had instead, and nothing stays behind."""
    refused = ana.command("start", "refused", *asked)["error"]

    assert refused["kind"] == "OptionError"
    assert words in refused["what"]
    assert not [path for path in ana.files if "refused" in path]


def test_waiting_for_workers_says_what_the_job_waits_for(ana: Notebooks) -> None:
    """A time-out tells the state and Slurm's reason, in words; closing cancels a job that never ran."""
    words = ana.kernel("""
with MPICluster("waiting", nodes=6) as cluster:
    try:
        cluster.wait_for_workers(timeout=1)
    except TimeoutError as error:
        answer = [str(error), repr(cluster)]
""")

    assert "0 of 6 workers came in time" in words[0]
    assert "is pending (QOSGrpNodeLimit): All jobs of this QOS together are at its limit of nodes." in words[0]
    assert "higher priority" in words[0].rpartition("limit of nodes.")[2]
    assert not [path for path in ana.files if "waiting" in path]


def test_a_wrong_mpi_launch_is_named_with_its_cure(desk: Desk) -> None:
    """Ranks that do not see one another end the cluster with a message that names the key to change."""
    error = desk("ana", mpi_launch="cray_shasta").command(
        "start", *WITHOUT_RESERVATION, "--ranks-per-node", "2", "--wait", "60 s"
    )["error"]

    assert error["kind"] == "ClusterEnded"
    assert "MPI sees a world of 1 rank, but 2 ranks were started" in error["what"]
    assert "Set mpi_launch" in error["what"]


def test_a_dead_rank_neither_takes_the_others_nor_stops_close(ana: Notebooks) -> None:
    """After kill -9 of a rank the other ones work on, and close still ends the job as COMPLETED."""
    before = set(Path("/dev/shm").glob("mpich_shm_*"))
    job, total = ana.kernel(
        """
import os
with MPICluster("wounded", ranks_per_node=2, qos="regular") as cluster:
    client = cluster.get_client()
    cluster.wait_for_workers(timeout=60)
    dead, alive = client.scheduler_info(n_workers=-1)["workers"]
    client.submit(os.kill, client.submit(os.getpid, workers=[dead]).result(), 9, workers=[dead], retries=0)
    answer = [cluster.record.job_ids[0], client.submit(sum, [1, 2], workers=[alive]).result(timeout=30)]
    del client
""",
        DASK_DASK_HPC__CLOSE_TIMEOUT="20 s",
    )

    assert total == 3
    accounting(ana, job)
    left = [*{*Path("/dev/shm").glob("mpich_shm_*")} - before, *Path(tempfile.gettempdir()).glob(f"beamside-{job}-*")]
    assert [path for path in left if path.stat().st_uid == uid(ana)] == []


def test_nothing_of_a_cluster_is_left_on_the_nodes(ana: Notebooks) -> None:
    """Scratch directories go with their ranks, on close and on scancel."""
    code = """
import os, tempfile
os.environ["TMPDIR"] = tempfile.mkdtemp()
cluster = MPICluster(nodes=1, ranks_per_node=2, qos="regular")
cluster.wait_for_workers(timeout=60)
used = os.listdir(os.environ["TMPDIR"])
cluster.close()
answer = [len(used), os.listdir(os.environ["TMPDIR"])]
os.rmdir(os.environ["TMPDIR"])
"""

    assert ana.kernel(code) == [3, []]  # the scheduler and two ranks
