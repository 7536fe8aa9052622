"""Slurm fails in ways of its own under a real hub: servers and starts are kept, and everything goes on by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


def calls(hub: HubAtWork, command: str) -> int:
    """How often a command was called since the fault began."""
    counted = hub.control / f"{command}.calls"
    return len(counted.read_text(encoding="utf-8").splitlines()) if counted.exists() else 0


def wait_calls(hub: HubAtWork, command: str, count: int) -> None:
    """Wait until a command failed so often."""
    wait_until(lambda: calls(hub, command) >= count, seconds=90, pause=0.2,
               otherwise=lambda: f"{command} was called {calls(hub, command)} times: {hub.log('hub')}")  # fmt: skip


def test_whatever_squeue_says_the_server_is_kept(hub: HubAtWork) -> None:
    """An error of unknown words, an empty answer and garbage, again and again: same job, same server."""
    hub.begin()
    job = hub.wait_serving(seconds=120)

    for mode in ("error", "empty", "garbage"):
        before = calls(hub, "squeue")
        hub.set_fault("squeue", mode)
        wait_calls(hub, "squeue", before + 2)
        assert hub.server()["ready"], mode
    hub.clear_fault("squeue")

    assert job == hub.wait_serving(seconds=120)
    assert [(job, "RUNNING")] == hub.jobs()


def test_a_controller_that_is_away_costs_neither_a_server_nor_a_start(hub: HubAtWork) -> None:
    """The running server answers meanwhile, also past a hub restart; what is asked for meanwhile is submitted once."""
    hub.begin(server="runs")
    running = hub.wait_serving(seconds=120, name="runs")
    before = hub.all_jobs_ever()
    hub.stop_slurm_controller()
    hub.begin()
    asked = "SELECT 1 FROM intents WHERE closed IS NULL AND server = ''"
    wait_until(lambda: bool(hub.query(asked)), seconds=60, otherwise=lambda: hub.log("hub"))
    hub.kill("hub")
    hub.start("hub")
    hub.wait_up()
    wait_until(lambda: hub.server().get("pending") == "spawn", seconds=60, otherwise=lambda: hub.log("hub"))

    meanwhile = hub.wait_serving(seconds=120, name="runs")
    hub.slurm.up()
    started = hub.wait_serving(seconds=120)

    wait_until(lambda: bool(hub.server("runs").get("ready")), seconds=120, otherwise=lambda: hub.log("hub"))
    assert (running, running) == (meanwhile, hub.wait_serving(seconds=120, name="runs"))
    assert {started} == hub.all_jobs_ever() - before
    hub.api("DELETE", f"/users/{hub.user}/servers/runs", {"remove": True})


def test_a_submission_whose_answer_was_lost_is_one_job(hub: HubAtWork) -> None:
    """sbatch took the job and reported a time-out: the job is found by its nonce and no second one is made."""
    before = hub.all_jobs_ever()
    hub.set_fault("sbatch", "lost")

    hub.begin()

    job = hub.wait_serving(seconds=120)
    assert {job} == hub.all_jobs_ever() - before
    assert 1 == calls(hub, "sbatch")


def test_a_stop_that_slurm_refuses_is_repeated_until_it_confirms(hub: HubAtWork) -> None:
    """While scancel fails the server is called stopping, and is asked to end again and again; then it is gone."""
    hub.begin()
    job = hub.wait_serving(seconds=120)
    hub.set_fault("scancel", "error")

    hub.api("DELETE", f"/users/{hub.user}/server")
    wait_calls(hub, "scancel", 2)

    assert "stop" == hub.server()["pending"]
    assert [(job, "RUNNING")] == hub.jobs()
    hub.clear_fault("scancel")
    hub.wait_no_job()
    wait_until(lambda: not hub.server(), seconds=60, otherwise=lambda: str(hub.server()))
