"""kill -9 of the hub at every stage of a start: one job, and it serves, without anybody's click."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


def crash_in_sbatch(hub: HubAtWork, moment: str) -> None:
    """Kill the hub while its sbatch hangs, before or after the real one took the job."""
    hub.set_fault("sbatch", moment)
    hub.begin()
    shim = int(hub.wait_file("sbatch.pid"))
    hub.kill("hub")
    os.kill(shim, signal.SIGKILL)
    hub.clear_fault("sbatch")


def restart(hub: HubAtWork) -> None:
    """Start the hub again and wait until it answers."""
    hub.start("hub")
    hub.wait_up()


def test_a_start_killed_before_sbatch_is_submitted_once_and_serves(hub: HubAtWork) -> None:
    """The wish is written down before sbatch, so the restarted hub submits it, once."""
    before = hub.all_jobs_ever()
    crash_in_sbatch(hub, "before")
    assert [] == hub.jobs()

    restart(hub)

    assert {hub.wait_serving()} == hub.all_jobs_ever() - before


def test_a_start_killed_after_sbatch_adopts_the_job(hub: HubAtWork) -> None:
    """A job whose id the hub never learned is found by its nonce and adopted, not submitted again."""
    before = hub.all_jobs_ever()
    crash_in_sbatch(hub, "after")
    job = hub.wait_job("RUNNING")

    restart(hub)

    assert job == hub.wait_serving()
    assert {job} == hub.all_jobs_ever() - before


def test_a_hub_killed_while_the_job_is_pending_follows_it_again(hub: HubAtWork) -> None:
    """A pending job keeps its place and serves when its turn comes, whatever happened to the hub."""
    hub.set_fault("sbatch", "held")
    hub.begin()
    job = hub.wait_job("PENDING")
    hub.kill("hub")

    restart(hub)
    assert "spawn" == hub.server()["pending"]
    hub.slurm.run("scontrol", "release", job, user=hub.user)

    assert job == hub.wait_serving()


def test_a_hub_killed_while_the_job_runs_before_its_claim_takes_the_claim(hub: HubAtWork) -> None:
    """A job that finds no hub asks again until one is there."""
    hub.set_fault("closed")
    hub.begin()
    job = hub.wait_job("RUNNING")
    hub.kill("hub")
    hub.clear_fault("closed")

    restart(hub)

    assert job == hub.wait_serving()


def test_a_running_server_is_kept_over_a_hub_restart(hub: HubAtWork) -> None:
    """A restart of the hub interrupts nobody: same job, same address, reachable meanwhile."""
    hub.begin()
    job = hub.wait_serving()
    hub.kill("hub")
    assert job == hub.wait_serving(seconds=2)

    restart(hub)

    assert job == hub.wait_serving()
    assert hub.server()["ready"]


def test_a_restart_while_slurm_is_down_keeps_the_start(hub: HubAtWork) -> None:
    """Without a scheduler nothing is known, so nothing is given up; when it is back, the same job serves."""
    hub.set_fault("sbatch", "held")
    hub.begin()
    job = hub.wait_job("PENDING")
    hub.kill("hub")
    hub.stop_slurm_controller()

    hub.start("hub")
    hub.wait_up()
    assert "spawn" == hub.server()["pending"]
    hub.slurm.up()
    hub.slurm.run("scontrol", "release", job, user=hub.user)

    assert job == hub.wait_serving()


def test_a_stop_interrupted_by_a_crash_is_finished(hub: HubAtWork) -> None:
    """What a person stopped does not come back: the restarted hub cancels the job that the dead one left."""
    hub.begin()
    job = hub.wait_serving()
    hub.set_stopping(job)
    hub.kill("hub")

    restart(hub)

    hub.wait_no_job()
    assert "CANCELLED" in hub.slurm.run("sacct", "-n", "-X", "-j", job, "-o", "state%30")


def test_a_requeued_job_proves_itself_anew_even_to_a_restarted_hub(hub: HubAtWork) -> None:
    """A job that Slurm starts again claims again, gets a token from a hub that never saw it, and serves."""
    hub.begin()
    job = hub.wait_serving()
    first = hub.query("SELECT port, restarts FROM intents WHERE closed IS NULL")
    hub.kill("hub")
    restart(hub)

    hub.slurm.run("scontrol", "requeue", job)
    hub.wait_restarted(job)

    assert job == hub.wait_serving(seconds=60)
    assert first != hub.query("SELECT port, restarts FROM intents WHERE closed IS NULL")
    assert hub.server()["ready"]
