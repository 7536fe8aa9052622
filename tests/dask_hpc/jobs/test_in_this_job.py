"""A cluster inside the job around its notebook: real Slurm, steps of a job that goes on."""

from __future__ import annotations

import json
import pwd
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dask_hpc
from beamside.demo.processes import wait_until
from tests.dask_hpc.packed import make_archive

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

SCRIPT = """#!/bin/sh
exec {python} - <<'THE_END'
import json, os, subprocess, time
from dask_hpc import MPICluster

def steps():
    asked = ["squeue", "-hs", "-j", os.environ["SLURM_JOB_ID"], "-o", "%i"]
    said = subprocess.run(asked, capture_output=True, text=True)
    return sorted(step for step in said.stdout.split() if step.rpartition(".")[2].isdecimal())

{code}
print("ANSWER", json.dumps(answer), flush=True)
THE_END
"""


@dataclass
class NotebookInJob:
    """A batch job that runs some code of a notebook's."""

    ana: Notebooks
    job: str
    log: Path

    def answer(self) -> Any:
        """What the code answers, once it does."""

        def lines() -> list[str]:
            return [line for line in self.text.splitlines() if line.startswith("ANSWER ")]

        wait_until(lambda: bool(lines()), seconds=120, otherwise=lambda: self.text)
        return json.loads(lines()[-1].removeprefix("ANSWER "))

    @property
    def text(self) -> str:
        """What the job has printed."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def end(self) -> str:
        """Slurm's word for the job once accounting says that it is over, and the words for its numbered steps."""

        def rows() -> list[list[str]]:
            shown = self.ana.says("sacct", "-nPj", self.job, "-o", "jobid,state").splitlines()
            return [row.split("|") for row in shown]

        wait_until(
            lambda: bool(rows()) and not any(state in ("RUNNING", "PENDING") for _, state in rows()),
            seconds=60,
            otherwise=lambda: f"{rows()}\n{self.text}",
        )
        return " ".join(sorted({state for name, state in rows() if name.rpartition(".")[2].isdecimal()}))


Notebook = Callable[..., NotebookInJob]


@pytest.fixture
def notebook(ana: Notebooks) -> Iterator[Notebook]:
    """Run code in jobs of ana's own, as the servers of notebooks do: `notebook(code, "--mem=8000M")`."""
    begun: list[NotebookInJob] = []

    def begin(code: str, *options: str) -> NotebookInJob:
        begun.append(submit(ana, code, *options))
        return begun[-1]

    yield begin
    for one in begun:
        ana.says("scancel", one.job)  # it runs on only where the test has failed
        one.log.unlink(missing_ok=True)


def submit(ana: Notebooks, code: str, *options: str) -> NotebookInJob:
    """Submit a job that runs `code`, and prints into a file of ana's home."""
    log = Path(pwd.getpwnam(ana.user).pw_dir) / f"notebook-{secrets.token_hex(4)}.log"
    done = ana.run_as(
        ana.user, "sbatch", "--parsable", "--account=ncem", "--qos=regular", f"--output={log}", *options,
        stdin=SCRIPT.format(python=sys.executable, code=code).encode(), JUPYTERHUB_API_TOKEN="made up",
        PYTHONPATH=str(Path(dask_hpc.__file__).parents[1]), PYTHONDONTWRITEBYTECODE="1",
        BEAMSIDE_PROFILE=str(ana.profile), XDG_STATE_HOME=str(ana.state),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return NotebookInJob(ana, done.stdout.decode().strip(), log)


def test_it_takes_what_the_job_has_and_leaves_the_job_as_it_was(notebook: Notebook) -> None:
    """Three ranks fit into the memory beside the scheduler; gangs run; after `close` the job is there without steps."""
    there = notebook("""
with MPICluster.in_this_job("burst") as cluster:
    client = cluster.get_client()
    cluster.wait_for_workers(timeout=90)
    jobs = client.run(lambda: [os.environ["SLURM_JOB_ID"], os.environ.get("JUPYTERHUB_API_TOKEN")])
    sums = [cluster.run_mpi(lambda comm: comm.allreduce(comm.rank), isolation=how).result(timeout=60)
            for how in ("worker", "step")]
    answer = [cluster.record.job_ids, list(jobs.values()), sums, len(steps())]
    del client
patience = time.monotonic() + 30
while steps() and time.monotonic() < patience:
    time.sleep(0.1)
answer.append(steps())
""", "--cpus-per-task=4", "--mem=8000M")  # fmt: skip

    ids, jobs, sums, during, after = there.answer()

    assert [one.partition(".")[0] for one in ids] == [there.job]
    assert jobs == [[there.job, None]] * 3
    assert sums == [[3] * 3] * 2
    assert (during, after) == (2, [])
    assert there.end() == "COMPLETED"


def test_its_workers_may_be_forked(notebook: Notebook) -> None:
    """Without MPI one process on each node of the job has the workers, and another comes where one dies."""
    there = notebook("""
with MPICluster.in_this_job("forked-here", ranks_per_node=2, memory_per_rank="512 MiB", mpi=False) as cluster:
    client = cluster.get_client()
    cluster.wait_for_workers(4, timeout=90)
    parents = sorted(client.run(os.getppid).values())
    lost = client.submit(os.getpid, workers=["0-1"]).result()
    os.kill(lost, 9)
    patience = time.monotonic() + 60
    while "0-1.1" not in cluster.observed and time.monotonic() < patience:
        time.sleep(0.1)
    answer = [len(parents), len(set(parents)), sorted(cluster.observed)]
    del client
""", "--nodes=2", "--cpus-per-task=2", "--mem=3000M")  # fmt: skip

    assert [4, 2, ["0-0", "0-1.1", "0-2", "0-3"]] == there.answer()
    assert "COMPLETED" in there.end()


@pytest.mark.needs_root  # a slurmd that is not root's takes no file from sbcast
def test_its_nodes_get_a_packed_environment(ana: Notebooks, notebook: Notebook) -> None:
    """All nodes of the job, for the ranks may be on any of them; it goes before the job does."""
    place = ana.profile.parent / "packed-for-a-job"
    archive = make_archive(place)
    there = notebook(f"""
import glob, tempfile
mine = tempfile.gettempdir() + f"/beamside-environment-{{os.environ['SLURM_JOB_ID']}}.*"
size = dict(nodes=2, ranks_per_node=1, memory_per_rank="512 MiB")
with MPICluster.in_this_job("unpacked", packed_environment={str(archive)!r}, **size) as cluster:
    client = cluster.get_client()
    cluster.wait_for_workers(timeout=90)
    prefixes = sorted(client.run(lambda: __import__("sys").prefix).values())
    size = cluster.run_mpi(lambda comm: comm.size).result(timeout=60)
    there = sorted(glob.glob(mine + "/*"))
    del client
patience = time.monotonic() + 30
while steps() and time.monotonic() < patience:
    time.sleep(0.1)
answer = [prefixes, size, there, glob.glob(mine)]
""", "--nodes=2", "--cpus-per-task=2", "--mem=3000M")  # fmt: skip

    prefixes, size, inside, after = there.answer()

    assert (inside, [2, 2], []) == (prefixes, size, after)
    assert "COMPLETED" == there.end()


def test_it_is_shared_by_name_and_closed_from_elsewhere(ana: Notebooks, notebook: Notebook) -> None:
    """A terminal outside of the job joins its ranks, and closes the cluster; the job goes on."""
    there = notebook("""
cluster = MPICluster.in_this_job("shared-here", ranks_per_node=2)
cluster.wait_for_workers(timeout=90)
cluster.disconnect()
print("READY", flush=True)
patience = time.monotonic() + 60
while any(record.name == "shared-here" for record in MPICluster.list()) and time.monotonic() < patience:
    time.sleep(0.5)
answer = [record.name for record in MPICluster.list()]
""", "--cpus-per-task=2", "--mem=8000M")  # fmt: skip
    wait_until(lambda: "READY" in there.text, seconds=120, otherwise=lambda: there.text)

    jobs = ana.kernel("""
import os
with MPICluster.from_name("shared-here") as cluster:
    client = cluster.get_client()
    answer = sorted(client.run(lambda: os.environ["SLURM_JOB_ID"]).values())
    cluster.close()
""")

    assert jobs == [there.job] * 2
    assert "shared-here" not in there.answer()
    assert there.end() == "COMPLETED"


def test_outside_of_a_job_the_message_says_so(ana: Notebooks) -> None:
    """It names what there is instead."""
    words = ana.kernel("""
from facility.errors import NotFound
try:
    MPICluster.in_this_job()
except NotFound as error:
    answer = str(error)
""")

    assert "runs in no job" in words
    assert "MPICluster(...)" in words


def test_more_than_the_job_has_is_refused_with_what_it_has(notebook: Notebook) -> None:
    """Nothing is begun, and the words name the argument and the figures."""
    there = notebook("""
from facility.errors import OptionError
answer = []
for wish in ({"nodes": 2}, {"ranks_per_node": 2}, {"gpus_per_rank": 1}):
    try:
        MPICluster.in_this_job("too-much", **wish)
    except OptionError as error:
        answer.append(str(error))
answer.append([record.name for record in MPICluster.list()])
""", "--mem=8000M")  # fmt: skip

    nodes, ranks, gpus, left = there.answer()

    assert nodes.startswith("nodes: job")
    assert "it has 1 CPUs a node" in ranks
    assert "it has 0 GPUs a node" in gpus
    assert "too-much" not in left


def test_the_end_of_the_job_is_told_before(ana: Notebooks, notebook: Notebook) -> None:
    """The notebook hears that its job, and the cluster in it, end; afterwards the name tells why it is over."""
    there = notebook("""
cluster = MPICluster.in_this_job("until-then", ranks_per_node=1)
cluster.wait_for_workers(timeout=50)
client = cluster.get_client()
client.submit(int, 1).result()
while "ends before long" not in cluster.get_logs(scheduler=False, workers=False)["Cluster"]:
    time.sleep(0.2)
answer = [cluster.get_logs(scheduler=False, workers=False)["Cluster"], client.submit(int, 2).result()]
print("ANSWER", json.dumps(answer), flush=True)
time.sleep(600)
""", "--time=1", "--mem=8000M")  # fmt: skip

    told, still_works = there.answer()
    words = next(line for line in told.splitlines() if "ends before long" in line)
    wait_until(
        lambda: [one["state"] for one in ana.command("list") if one["name"] == "until-then"] == ["failed"],
        seconds=150,
        otherwise=lambda: there.text,
    )
    (over,) = (one["reason"] for one in ana.command("list") if one["name"] == "until-then")

    assert f"with job {there.job}, which it is inside of: Slurm ends" in words
    assert (still_works, over.partition(":")[0]) == (2, "the job was told to end")
    assert ana.command("close", "until-then") == {"closed": "until-then"}
