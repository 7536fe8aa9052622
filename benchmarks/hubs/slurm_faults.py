"""What Slurm and its commands can do to a hub."""

from __future__ import annotations

import contextlib
import time

from beamside.demo.processes import wait_until
from hubs.seen import gone, page, seen, served, serving, settle, told
from tests.hub_ext.conftest import HubAtWork

POLLS = 10.0
"""Seconds that a fault of a command lasts: five polls of either hub."""


def squeue_says(mode: str, hub: HubAtWork) -> str:
    """squeue fails in one way for five polls, then works again."""
    served(hub)
    hub.set_fault("squeue", mode)
    time.sleep(POLLS)
    hub.clear_fault("squeue")
    time.sleep(POLLS)  # a server that was given up is not taken back at once, if at all
    return seen(hub)


def squeue_hangs(hub: HubAtWork) -> str:
    """squeue hangs for half a minute; when it works again, the job ends: does the hub notice?"""
    job = served(hub)
    hub.set_fault("squeue", "hang")
    time.sleep(30)
    hub.clear_fault("squeue")
    hub.slurm.run("scancel", job)
    return settle(hub, lambda: gone(hub), 60)


def controller_away(hub: HubAtWork) -> str:
    """slurmctld is down for twenty seconds under a running server."""
    served(hub)
    hub.stop_slurm_controller()
    time.sleep(20)
    hub.slurm.up()
    return settle(hub, lambda: serving(hub))


def controller_away_at_start(hub: HubAtWork) -> str:
    """slurmctld is down when somebody presses Start, and comes back after fifteen seconds."""
    hub.stop_slurm_controller()
    hub.begin()
    time.sleep(15)
    hub.slurm.up()
    return settle(hub, lambda: serving(hub))


def answer_lost(hub: HubAtWork) -> str:
    """sbatch took the job and then reported a time-out; a person whose start failed presses Start again."""
    hub.set_fault("sbatch", "lost")
    hub.begin()
    time.sleep(8)
    hub.clear_fault("sbatch")
    if not hub.server():
        hub.begin()
    return settle(hub, lambda: serving(hub))


def cancel_fails(hub: HubAtWork) -> str:
    """scancel fails for ten seconds, beginning when somebody presses Stop."""
    served(hub)
    hub.set_fault("scancel", "error")
    hub.api("DELETE", f"/users/{hub.user}/server")
    time.sleep(POLLS)
    during = seen(hub)
    hub.clear_fault("scancel")
    return f"while it fails: {during}. Then: {settle(hub, lambda: gone(hub))}"


def requeued(hub: HubAtWork) -> str:
    """Slurm takes the job back into the queue and starts it again."""
    job = served(hub)
    hub.slurm.run("scontrol", "requeue", job)
    with contextlib.suppress(Exception):  # where the hub has ended the job already there is nothing to hurry
        wait_until(lambda: [state for _, state in hub.jobs()] == ["PENDING"], seconds=30, otherwise=lambda: "")
        hub.slurm.run("scontrol", "update", f"jobid={job}", "starttime=now")
    return settle(hub, lambda: serving(hub), 60)


def cancelled(hub: HubAtWork) -> str:
    """An operator cancels the job; the person comes back to the server's address."""
    job = served(hub)
    hub.slurm.run("scancel", job)
    settle(hub, lambda: gone(hub))
    return f"the page says: “{page(hub)}”"


def refused(hub: HubAtWork) -> str:
    """sbatch refuses, in Slurm's words: what is the answer to the click, and is all over then?"""
    hub.set_fault("sbatch", "refused")
    began = time.monotonic()
    reply = hub.ask_to_start()
    took = time.monotonic() - began
    return f"{told(reply)} after {took:.0f} s. {settle(hub, lambda: gone(hub))}"
