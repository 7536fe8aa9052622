"""The page of a start that waits: reason, place and estimate in words, and a Cancel that names the right server."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


def read(browser: httpx.Client, path: str) -> str:
    """A page's text."""
    return html.unescape(browser.get(path).text)


@pytest.mark.parametrize("name", ["", "calib"])
def test_a_waiting_start_is_shown_and_cancelled_without_javascript(
    hub: HubAtWork, browser: httpx.Client, name: str
) -> None:
    """State, reason and the time of the scheduler's word stand in the page; it renews itself; Cancel asks first."""
    hub.set_fault("sbatch", "held")
    hub.begin(server=name)
    job = hub.wait_job("PENDING")
    here = f"{hub.user}/{name}".rstrip("/")
    wanted = f"Job {job} is waiting in the queue (PENDING). Held by its owner"
    wait_until(lambda: wanted in read(browser, f"/hub/spawn-pending/{here}"), seconds=60, pause=0.3,
               otherwise=lambda: read(browser, f"/hub/spawn-pending/{here}"))  # fmt: skip

    page = read(browser, f"/hub/spawn-pending/{here}")
    assert 'role="status" aria-live="polite"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert re.search(r"Slurm said so at \d\d:\d\d:\d\d UTC\.", page)
    cancel = re.search(r'id="bs-cancel" href="([^"]+)"', page)
    assert cancel is not None
    question = read(browser, cancel[1])
    assert (f"the server {name}" if name else "the default server") in question
    assert f"Its job {job} is cancelled and loses its place in the queue." in question
    assert [(job, "PENDING")] == hub.jobs()  # asking is not doing
    token = re.search(r'name="_xsrf" value="([^"]+)"', question)
    assert token is not None
    assert 403 == browser.post(cancel[1]).status_code
    done = browser.post(cancel[1], data={"_xsrf": token[1]})

    assert "/hub/home" == done.url.path
    hub.wait_no_job()
    wait_until(lambda: not hub.server(name).get("pending"), seconds=60, otherwise=lambda: hub.log("hub"))
    told = read(browser, f"/user/{here}/lab")
    assert f"Your job {job} was stopped on the hub's pages." in told


def test_somebody_elses_server_cannot_be_cancelled(hub: HubAtWork, browser: httpx.Client) -> None:
    """A page that names another person's server, or one that is not there, answers 404."""
    hub.api("POST", "/users/never-signed-in")

    assert 404 == browser.get("/hub/beamside/cancel/never-signed-in").status_code
    assert 404 == browser.get(f"/hub/beamside/cancel/{hub.user}/no-such").status_code


def test_a_start_that_waits_for_a_reservation_tells_when_that_begins(hub: HubAtWork, browser: httpx.Client) -> None:
    """Slurm has no estimate for such a job, and the form knew more than that."""
    hub.begin({"reservation": "ana-tomorrow", "walltime": "0:10"})
    hub.wait_job("PENDING")

    wait_until(lambda: "Its reservation begins at" in read(browser, f"/hub/spawn-pending/{hub.user}"), seconds=60,
               pause=0.3, otherwise=lambda: read(browser, f"/hub/spawn-pending/{hub.user}"))  # fmt: skip
