"""A server that the site offers ready made, on nodes that many share: at a real hub, without JavaScript."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


@pytest.fixture
def full(hub: HubAtWork) -> Iterator[str]:
    """A job of ana's that has every CPU of the login node."""
    options = ("--account=ncem", "--partition=login", "--nodes=1", "--ntasks=16", "--output=/dev/null")
    job = hub.slurm.run("sbatch", "--parsable", *options, "--wrap=sleep 600", user=hub.slurm.people.ana).strip()

    def state() -> str:
        return hub.slurm.run("squeue", "-h", "-j", job, "-o", "%T").strip()

    wait_until(lambda: state() == "RUNNING", seconds=60, otherwise=state)
    yield job
    hub.slurm.run("scancel", job)


def start(browser: httpx.Client, name: str) -> httpx.Response:
    """Press a ready-made card's button; the other fields of the form stand as they are."""
    form = browser.get("/hub/spawn").text
    action = re.search(r' action="([^"]+)"', form)
    assert action
    return browser.post(html.unescape(action[1]), data={"starter": name, "nodes": "2"}, follow_redirects=False)


def test_a_server_without_a_queue_starts_where_every_cpu_is_taken(
    hub: HubAtWork, browser: httpx.Client, full: str
) -> None:
    """One press; its job shares the CPUs of the job that has them all, and its card says that nobody waits."""
    text = html.unescape(browser.get("/hub/spawn").text)
    assert "Login node, no queue" in text
    assert '<span class="bs-badge bs-now">no queue</span>' in text

    reply = start(browser, "login")

    assert 302 == reply.status_code, reply.text
    wait_until(lambda: hub.jobs() and "RUNNING" == hub.jobs()[0][1], seconds=60, otherwise=lambda: hub.log("hub"))
    mine = hub.jobs()[0][0]
    told = hub.slurm.run("squeue", "-h", "-j", f"{mine},{full}", "-o", "%T %P %N %C %l")
    assert {"RUNNING login login01 1 20:00", "RUNNING login login01 16 10:00"} == set(told.splitlines())


def test_a_starter_that_the_site_has_not_starts_nothing(hub: HubAtWork, browser: httpx.Client) -> None:
    """Said in words, and nothing is submitted."""
    before = hub.all_jobs_ever()

    reply = start(browser, "no-such")

    assert 400 == reply.status_code
    assert "the site offers no such server any more; nothing was started" in html.unescape(reply.text)
    assert before == hub.all_jobs_ever()
