"""The operators' page on a whole hub: closed to others, complete for them, also while much is down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


@pytest.fixture
def operator(overseer: None, browser: httpx.Client) -> httpx.Client:
    """Ana, whose role lets her see everybody's servers for one test."""
    return browser


def test_others_read_that_it_is_not_for_them(browser: httpx.Client) -> None:
    """A plain person gets 403 with the reason, and no link to it."""
    page = browser.get("/hub/beamside/operator")

    assert 403 == page.status_code
    assert "operators" in page.text
    assert "beamside/operator" not in browser.get("/hub/home").text


def test_an_operator_sees_who_runs_what_where_and_what_failed(hub: HubAtWork, operator: httpx.Client) -> None:
    """A running server, one adopted after the hub's restart, one that waits, and one that never came."""
    hub.set_fault("broken")
    hub.ask_to_start(server="unlucky")
    wait_until(
        lambda: bool(hub.query("SELECT 1 FROM intents WHERE closed IS NOT NULL AND port = 0 AND server = 'unlucky'")),
        seconds=90, otherwise=lambda: hub.log("hub"),
    )  # fmt: skip
    hub.clear_fault("broken")
    hub.begin()
    hub.wait_serving()
    job = hub.wait_job("RUNNING")
    hub.kill("hub")
    hub.start("hub")
    hub.wait_up()

    last = [""]

    def is_told() -> bool:
        last[0] = operator.get("/hub/beamside/operator").text
        return f"<td>{job}</td>" in last[0] and "running (adopted)" in last[0]

    wait_until(is_told, seconds=60, pause=0.5, otherwise=lambda: last[0][-6000:])
    assert "1 server adopted from before that" in last[0]
    assert "unlucky" in last[0].partition("Starts that failed")[2]
    assert "beamside/operator" in operator.get("/hub/home").text
    assert "0 servers." in operator.get("/hub/beamside/operator?q=nobody").text
    assert 'value="&lt;b&gt;"' in operator.get("/hub/beamside/operator?q=<b>&page=x").text


def test_the_page_comes_while_facility_and_scheduler_are_down(hub: HubAtWork, operator: httpx.Client) -> None:
    """What was known stays, and the faults are named with since-when."""
    hub.begin()
    hub.wait_serving()
    last = [""]

    def shows(wanted: str) -> bool:
        reply = operator.get("/hub/beamside/operator")
        last[0] = reply.text
        return reply.is_success and wanted in last[0]

    def wait_shows(wanted: str) -> None:
        wait_until(lambda: shows(wanted), seconds=60, pause=0.5, otherwise=lambda: last[0][-6000:])

    wait_shows("<td>running</td>")
    hub.kill("facility")
    hub.stop_slurm_controller()

    wait_shows('<th scope="row">facility service</th><td>down</td>')
    assert "<td>running</td>" in last[0]
