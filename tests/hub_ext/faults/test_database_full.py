"""A disk that is really full, under all that the hub keeps: its own store of servers and JupyterHub's database."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from tests.hub_ext.conftest import HubAtWork, hub_at_work

pytestmark = [pytest.mark.slurm, pytest.mark.needs_root]

NOTED_AFTER = 1.0
"""Seconds after which this hub notes again that a person was seen, and so would write at a mere look."""

REASON = "The hub cannot write anything down: its disk takes nothing"


@dataclass
class HubOnItsOwnDisk(HubAtWork):
    """A hub whose folder is a small file system of its own."""

    disk: ClassVar[Path]
    settings = f"c.JupyterHub.activity_resolution = {NOTED_AFTER:.0f}\n"

    def __post_init__(self) -> None:
        """The hub's configuration looks for the profile beside its folder."""
        (self.disk / "facility.toml").symlink_to(self.place / "facility.toml")

    @property
    def folder(self) -> Path:
        """The hub's own folder."""
        return self.disk / "hub"

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Not one page more can be written."""
        ballast = self.disk / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while file.write(bytes(4096)):
                pass
        try:
            yield
        finally:
            ballast.unlink()

    def stored_servers(self) -> list[str]:
        """The servers of which JupyterHub's database has a state."""
        with closing(sqlite3.connect(f"file:{self.folder / 'hub.sqlite'}?mode=ro", uri=True)) as database:
            return [name for (name,) in database.execute("SELECT name FROM spawners WHERE server_id IS NOT NULL")]


@pytest.fixture(scope="module")
def tight(slurm: SlurmCluster) -> Iterator[HubOnItsOwnDisk]:
    """Such a hub, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="beamside-disk-") as place:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "tmpfs", place], check=True, timeout=30)
        try:
            HubOnItsOwnDisk.disk = Path(place)
            with hub_at_work(slurm, HubOnItsOwnDisk) as hub:
                assert isinstance(hub, HubOnItsOwnDisk)
                yield hub
                hub.tidy()
        finally:
            subprocess.run(["umount", place], check=True, timeout=30)


@contextlib.contextmanager
def signed_in(hub: HubAtWork) -> Iterator[httpx.Client]:
    """A browser without JavaScript, in which ana is signed in and may see the operators' page."""
    hub.api("POST", "/groups/overseers/users", {"users": [hub.user]}).raise_for_status()
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=60) as client:
        page = client.get("/hub/oauth_login", follow_redirects=True)
        client.post(page.url, data={"login": "ana", "password": hub.password()}, follow_redirects=True)
        yield client


def press_start(browser: httpx.Client, form: httpx.Response) -> httpx.Response:
    """What comes back when the form is sent as a browser without JavaScript does."""
    action = re.search(r'id="spawn_form" action="([^"]+)"', form.text)
    assert action, form.text
    return browser.post(action[1].replace("&amp;", "&"), data={"walltime": "0:08"})


def test_looks_are_answered_and_changes_are_refused_with_the_reason(tight: HubOnItsOwnDisk) -> None:
    """Nobody is signed out, API and form say why nothing starts, nothing is submitted; with room all is as ever."""
    tight.begin(server="runs")
    tight.wait_serving(seconds=120, name="runs")
    with signed_in(tight) as browser:
        form = browser.get("/hub/spawn")
        before = tight.all_jobs_ever()
        with tight.full():
            time.sleep(NOTED_AFTER)  # whoever is seen from here on is to be noted
            looks = [browser.get("/hub/home"), tight.api("GET", f"/users/{tight.user}"), browser.get("/hub/home")]
            by_api, by_form, by_stop = tight.ask_to_start(), press_start(browser, form), stop(tight, "runs")
            tight.wait_serving(seconds=120, name="runs")
            operators = browser.get("/hub/beamside/operator")
        wait_until(lambda: tight.ask_to_start().is_success, seconds=120, pause=1, otherwise=lambda: tight.log("hub"))

    assert [200, 200, 200] == [look.status_code for look in looks]
    assert [507, 507, 507] == [by_api.status_code, by_form.status_code, by_stop.status_code]
    assert all(REASON in reply.text for reply in (by_api, by_form, by_stop))
    assert (200, True) == (operators.status_code, "its disk takes nothing" in operators.text), operators.text
    job = tight.wait_serving(seconds=120)
    assert {job} == tight.all_jobs_ever() - before
    wait_until(lambda: {"", "runs"} == set(tight.stored_servers()), seconds=60, otherwise=lambda: tight.log("hub"))


def stop(hub: HubAtWork, server: str) -> httpx.Response:
    """Ask for a server's end."""
    return hub.api("DELETE", f"/users/{hub.user}/servers/{server}")


def test_a_job_that_begins_while_nothing_can_be_written_is_kept_until_it_can(tight: HubOnItsOwnDisk) -> None:
    """The job that waited in the queue asks again until its claim is written down, and then it serves."""
    tight.tidy()
    tight.set_fault("sbatch", "held")
    tight.begin()
    job = tight.wait_job("PENDING")
    with tight.full():
        tight.slurm.run("scontrol", "release", job)
        wait_until(lambda: "cannot write the claim down" in tight.log("hub", 20_000), seconds=120,
                   otherwise=lambda: tight.log("hub"))  # fmt: skip

    assert job == tight.wait_serving(seconds=120)
    wait_until(lambda: bool(tight.server().get("ready")), seconds=60, otherwise=lambda: tight.log("hub"))
