"""A hub moves from batchspawner with servers running, goes back, and comes again: one database, one real Slurm."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from beamside.demo.processes import wait_until
from tests.hub_ext.conftest import HubAtWork, write_program
from tests.hub_ext.stock import stock_configuration

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]  # the hub is started five times over

HERE = Path(sys.executable).parent
NAME = "of-batchspawner"
"""What its jobs are called, so that this test finds them."""

PATIENT = """
c.Spawner.start_timeout = c.Spawner.http_timeout = 240
"""
"""A Lab may take longer than JupyterHub's 30 s where a machine has much else to do."""

SERVER = """\
#!{python}
# a real Lab as the default server, something lighter as the others
import os, runpy
runpy.run_path({stub!r} if os.environ["JUPYTERHUB_SERVER_NAME"] else {lab!r}, run_name="__main__")
"""
DATABASE = """
c.JupyterHub.db_url = f"sqlite:///{here / 'moving.sqlite'}"
"""


@dataclass
class Move:
    """The hub that moves, and the jobs of its servers by the servers' names."""

    hub: HubAtWork
    jobs: dict[str, str]

    def configure(self, text: str) -> None:
        """Start the hub anew with another configuration and the same database."""
        if "hub" in self.hub.processes:
            self.hub.kill("hub")
        self.path.write_text(text + DATABASE, encoding="utf-8")
        self.hub.start("hub")
        self.hub.wait_up()

    def configure_stock(self) -> None:
        """Start the hub anew with batchspawner."""
        self.configure(stock_configuration(self.hub.ports, self.hub.place / "server", NAME) + PATIENT)

    @property
    def path(self) -> Path:
        """The hub's configuration."""
        return self.hub.folder / "jupyterhub_config.py"

    def begin(self, server: str) -> None:
        """Start a server, and wait until it answers; a job of the one kind or the other."""
        before = self.running()
        self.hub.begin(server=server)
        wait_until(lambda: self.answers(server), seconds=300, pause=0.2, otherwise=lambda: self.hub.log("hub"))
        (self.jobs[server],) = self.running() - before

    def answers(self, server: str) -> bool:
        """Whether a server answers through the proxy."""
        with contextlib.suppress(httpx.HTTPError):
            return self.ask(server).is_success
        return False

    def ask(self, server: str) -> httpx.Response:
        """Ask a server for its state, with a token that a real Lab must ask the hub about."""
        where = f"http://127.0.0.1:{self.hub.ports.proxy}/user/{self.hub.user}/{f'{server}/' if server else ''}"
        return httpx.get(f"{where}api/status", headers=self.hub.admin, timeout=10, trust_env=False)

    def stop(self, server: str, *, remove: bool = False) -> None:
        """Stop a server by the hub's API, and wait until Slurm has ended its job; `remove` forgets its name too."""
        where = f"/users/{self.hub.user}/{f'servers/{server}' if server else 'server'}"
        assert self.hub.api("DELETE", where, {"remove": True} if remove else None).is_success
        self.wait_ended(self.jobs.pop(server))
        if remove:
            kept = f"/users/{self.hub.user}?include_stopped_servers"
            wait_until(lambda: server not in self.hub.api("GET", kept).json()["servers"], seconds=60,
                       otherwise=lambda: self.hub.log("hub"))  # fmt: skip

    def wait_ended(self, job: str) -> None:
        """Wait until Slurm has ended a job."""
        wait_until(lambda: job not in self.running(), seconds=120, otherwise=lambda: self.hub.log("hub"))

    def running(self) -> set[str]:
        """Ids of this hub's jobs that are not over, whichever spawner began them."""
        out = self.hub.slurm.run("squeue", "-h", "-u", self.hub.user, "-n", NAME, "-o", "%i")
        return {*out.split(), *(job for job, _ in self.hub.jobs())}

    def wait_told(self, *servers: str) -> dict[str, Any]:
        """Wait until the hub has found out about every server, and these alone are ready; returns what it tells."""

        def told() -> dict[str, Any]:
            found: dict[str, Any] = self.hub.api("GET", f"/users/{self.hub.user}").json()["servers"]
            return {name: one for name, one in found.items() if one["ready"]}

        wait_until(lambda: set(servers) == set(told()), seconds=120, otherwise=lambda: self.hub.log("hub"))
        return told()


@pytest.fixture(scope="module")
def journey(running_hub: HubAtWork) -> Iterator[Move]:
    """The common hub, for a while with a database of this journey; as it was afterwards."""
    running_hub.tidy()
    move = Move(running_hub, {})
    stub, lab = str(running_hub.place / "stub.py"), str(HERE / "jupyterhub-singleuser")
    write_program(running_hub.place / "server", SERVER.format(python=sys.executable, stub=stub, lab=lab))
    before = move.path.read_text(encoding="utf-8")
    try:
        yield move
    finally:
        running_hub.slurm.run("scancel", f"--user={running_hub.user}", f"--name={NAME}")
        running_hub.kill("hub")
        move.path.write_text(before, encoding="utf-8")
        running_hub.start("hub")
        running_hub.tidy()


@pytest.fixture(scope="module")
def ours(journey: Move) -> str:
    """The configuration after the move."""
    return journey.path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stock(journey: Move, ours: str) -> Move:  # ours is read before the file is written anew
    """The hub as it is today, with three servers that batchspawner began."""
    journey.configure_stock()
    journey.hub.api("POST", f"/users/{journey.hub.user}")
    for server in ("", "other", "requeued"):
        journey.begin(server)
    return journey


@pytest.fixture(scope="module")
def moved(stock: Move, ours: str) -> Move:
    """The same hub after the changed line."""
    stock.configure(ours)
    return stock


@pytest.fixture(scope="module")
def returned(moved: Move) -> Move:
    """And with the former line, after two more servers were begun by ours."""
    moved.begin("new")
    moved.begin("unwanted")
    moved.configure_stock()
    return moved


@pytest.fixture(scope="module")
def again(returned: Move, ours: str) -> Move:
    """With the changed line once more, after batchspawner began another server."""
    returned.begin("later")
    returned.configure(ours)
    return returned


def test_servers_go_on_after_the_changed_line_and_end_where_they_are_stopped(moved: Move) -> None:
    """The same job answers at the same address, its owner signs in to it, and a stop ends the one job alone."""
    moved.wait_told("", "other", "requeued")
    assert set(moved.jobs.values()) == moved.running()
    assert all(map(moved.answers, moved.jobs))
    with httpx.Client(base_url=moved.hub.plan.hub_url, trust_env=False, timeout=60, follow_redirects=True) as client:
        page = client.get("/hub/oauth_login")
        client.post(page.url, data={"login": "ana", "password": moved.hub.password()})
        lab = client.get(f"/user/{moved.hub.user}/lab")
        assert "jupyter-config-data" in lab.text
        assert f"<td>{moved.jobs['']} on " in client.get("/hub/home").text

    moved.stop("other")

    assert {moved.jobs[""], moved.jobs["requeued"]} == moved.running()
    assert moved.answers("")


def test_a_job_taken_over_that_slurm_begins_anew_ends_with_a_reason(moved: Move) -> None:
    """What runs then asks for the other spawner and serves nobody: it holds no node, and its owner reads why."""
    job = moved.jobs.pop("requeued")
    moved.hub.slurm.run("scontrol", "requeue", job)
    moved.hub.slurm.run("scontrol", "update", f"jobid={job}", "starttime=now")
    moved.wait_ended(job)
    moved.wait_told("")
    [(kind, words, remedy)] = moved.hub.query(f"SELECT kind, outcome, remedy FROM intents WHERE job_id = '{job}'")

    assert kind in {"failed", "server-died"}
    assert words.startswith(f"Your job {job} ended")
    assert remedy.startswith(("Correct what it names", "Start again"))
    assert {moved.jobs[""]} == moved.running()


def test_servers_go_on_after_the_way_back(returned: Move) -> None:
    """Those of batchspawner and one of ours: reachable, and stopped by batchspawner."""
    returned.wait_told("", "new", "unwanted")
    assert set(returned.jobs.values()) == returned.running()
    assert all(map(returned.answers, returned.jobs))

    returned.stop("new")
    returned.stop("unwanted", remove=True)

    assert {returned.jobs[""]} == returned.running()


def test_who_comes_again_finds_every_server_that_is_left(again: Move) -> None:
    """Whichever spawner began it; one that ended or was removed meanwhile is no server any more."""
    again.wait_told("", "later")
    assert all(map(again.answers, again.jobs))
    nobody = "SELECT server FROM intents WHERE closed IS NULL AND server NOT IN ('', 'later')"
    wait_until(lambda: not again.hub.query(nobody), seconds=60, otherwise=lambda: again.hub.log("hub"))
    said = again.hub.log("hub", 100_000)
    assert f"the server 'unwanted' of {again.hub.user} was removed" in said
    assert "was never retrieved" not in said

    for server in list(again.jobs):
        again.stop(server)
    again.wait_told()
