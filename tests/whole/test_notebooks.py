"""Every example notebook, word for word, in kernels of a notebook server that the hub started in a job."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from beamside.demo.layout import Layout
from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from beamside.demo.tour.tour import NOTEBOOKS as OF_THE_TOUR
from beamside.demo.tour.tour import examples
from tests.whole.conftest import Demo
from tests.whole.kernels import NotebookServer

pytestmark = [pytest.mark.slurm, pytest.mark.alike, pytest.mark.timeout(1200)]

SERVER = "examples"
CHOICES = {"account": "ncem", "qos": "interactive", "walltime": "1:00", "cpus_per_node": 4, "memory_gb": 12}

GOES_ON = "cluster-by-name"
"""The notebook that leaves its cluster to the next one."""

SHOWN = {
    "cluster-by-name": r"evening: 2 ranks in job \d+\npublished: brightness\n.*goes on without this notebook",
    "cluster-by-name-again": r"evening: running, 2 ranks a block, job \d+\n.*100 results were kept; their mean is 20\.",
    "scale-and-adapt": r"block 1 is job \d+: .*1 block left; the same results: True\n.*1770 by up to 4 ranks",
    "run-mpi": r"4 ranks, \d+ steps, largest error \d\.\de-1\d\n.*gang of 2: \d+ steps; tasks: 285",
    "mpi-task": r"π is about 3\.1\d\d\nGangTimeout: .*π is about 3\.1",
    "futures-and-gangs": r"1000000 values: mean 0\.000, deviation 1\.000\nthe highest value is [3-9]\.",
    "after-a-lost-rank": r"RankLost: rank 0-1 .*a task: 6\n.*two ranks: \[2, 2\]\n.*three ranks: \[3, 3, 3\]\n"
    r"kept: 45\n.*StepFailed: .*three ranks: \[3, 3, 3\]",
    "reservation": r"there are.*ncem-tonight.*in ncem-tonight, account ncem, QOS realtime\n.*rank 1 of 2 on nid00\d",
    "in-this-job": r"2 ranks in job \d+, which.*one job: True\n.*has room for \d+ a node",
    "jobqueue-yaml": r"left out: job-script-prologue.*2 ranks, account ncem, QOS regular\n.*dask as ever: 285\n"
    r"ranks: \[\(0, 2\), \(1, 2\)\]",
    "bragg-live": r"synthetic scan: 6 × 16.* 0 missing, \d extra, error 0\.0",
}
"""What each notebook prints, in the order in which they run: the second one joins the cluster of the first."""


@dataclass(frozen=True)
class Place:
    """The folder that the server serves, the server, and the Slurm around both."""

    folder: Path
    user: str
    server: NotebookServer
    cluster: SlurmCluster

    def copy(self, name: str) -> Path:
        """A fresh copy of an example where the server serves."""
        path = Path(shutil.copyfile(examples() / name, self.folder / name))
        if os.geteuid() == 0:
            shutil.chown(path, self.user)
        return path

    def jobs(self, notebook: Path) -> list[str]:
        """The ids of the jobs of clusters that a notebook names."""
        text = notebook.read_text(encoding="utf-8")
        named = re.findall(r'MPICluster(?:\.from_name|\.in_this_job)?\(\\"([a-z-]+)\\"', text)
        jobs = ",".join(f"dask-{name}" for name in named)
        return self.cluster.run("squeue", "-h", "-u", self.user, f"--name={jobs}", "-o", "%i").split()


@pytest.fixture(scope="module")
def place(demo: Demo) -> Iterator[Place]:
    """One server of ana's for all notebooks; she signs in, the rest is asked of the hub by its API."""
    status, layout = demo.status(), Layout(demo.prefix)
    ana, hub = status["users"][0], status["urls"]["hub"]
    sign_in(hub, layout.password("ana").read_text(encoding="utf-8").strip())
    with operator(demo, hub) as asked:
        user = f"users/{ana['account']}"
        token = asked.post(f"{user}/tokens", json={"note": "example notebooks"}).raise_for_status().json()
        asked.post(f"{user}/servers/{SERVER}", json={"user_options": CHOICES}).raise_for_status()
        try:
            wait_until(lambda: is_ready(asked, user), seconds=300, otherwise=lambda: asked.get(user).text, pause=0.5)
            server = NotebookServer(f"{hub}user/{ana['account']}/{SERVER}/", token["token"])
            slurm = SlurmCluster(layout.slurm, prefix=layout.prefix)
            yield Place(Path(ana["scratch"]), str(ana["account"]), server, slurm)
        finally:
            asked.request("DELETE", f"{user}/servers/{SERVER}", json={"remove": True})
            asked.delete(f"{user}/tokens/{token['id']}")
            wait_until(lambda: SERVER not in servers(asked, user), seconds=120, otherwise=lambda: asked.get(user).text)


def sign_in(hub: str, password: str) -> None:
    """By the institution's form, as a browser without scripts does it."""
    with httpx.Client(trust_env=False, timeout=120, follow_redirects=True) as browser:
        form = browser.get(f"{hub}hub/oauth_login")
        assert browser.post(form.url, data={"login": "ana", "password": password}).is_success


def operator(demo: Demo, hub: str) -> httpx.Client:
    """The hub's API as its operator asks it."""
    secret = Path(demo.status()["admin_token_file"]).read_text(encoding="utf-8").strip()
    headers = {"Authorization": f"token {secret}"}
    return httpx.Client(base_url=f"{hub}hub/api/", headers=headers, trust_env=False, timeout=120)


def servers(asked: httpx.Client, user: str) -> dict[str, Any]:
    """What the hub tells of her servers."""
    found: dict[str, Any] = asked.get(user, params={"include_stopped_servers": True}).json()["servers"]
    return found


def is_ready(asked: httpx.Client, user: str) -> bool:
    """Whether the server serves; a start that failed is an error at once."""
    found = servers(asked, user).get(SERVER, {})
    assert found, "the server did not start"
    return bool(found["ready"])


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_runs_as_it_is(place: Place, name: str) -> None:
    """No cell fails, it prints what it promises, and the cluster that it closes is gone."""
    notebook = place.copy(f"{name}.ipynb")
    try:
        ran = place.server.run(notebook)
        print(ran.printed)

        assert [] == ran.errors
        assert re.search(SHOWN[name], ran.printed, re.DOTALL)
        if name != GOES_ON:
            assert ran.printed.endswith("closed\n")
            wait_until(lambda: not place.jobs(notebook), seconds=60, otherwise=lambda: f"left: {place.jobs(notebook)}")
    except BaseException:
        for job in place.jobs(notebook):
            place.cluster.run("scancel", job)
        raise


def test_every_example_notebook_is_run_here_or_by_the_tour() -> None:
    """A notebook that nobody runs would say what was true once."""
    assert {path.name for path in examples().glob("*.ipynb")} == {*OF_THE_TOUR, *(f"{name}.ipynb" for name in SHOWN)}


def test_example_notebooks_hold_no_output() -> None:
    """What a notebook showed somewhere else is not what it shows here."""
    texts = [path.read_text(encoding="utf-8") for path in examples().glob("*.ipynb")]

    assert not [text[:200] for text in texts if '"output_type"' in text or re.search(r'"execution_count": \d', text)]
