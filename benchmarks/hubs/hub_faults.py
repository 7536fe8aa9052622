"""What can become of a hub, its proxy and its servers, and what people ask of it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

from hubs.seen import gone, served, serving, settle, told
from hubs.slurm_faults import POLLS
from tests.hub_ext.conftest import HubAtWork


def killed_while_pending(hub: HubAtWork) -> str:
    """The hub is killed while the job waits in the queue; it is started again, then the job begins."""
    hub.set_fault("sbatch", "held")
    hub.begin()
    job = hub.wait_job("PENDING")
    hub.kill("hub")
    hub.start("hub")
    hub.wait_up()
    hub.slurm.run("scontrol", "release", job)
    return settle(hub, lambda: serving(hub))


def killed_in_sbatch(hub: HubAtWork) -> str:
    """The hub is killed between sbatch's success and its answer."""
    hub.set_fault("sbatch", "after")
    hub.begin()
    shim = int(hub.wait_file("sbatch.pid"))
    hub.kill("hub")
    with contextlib.suppress(ProcessLookupError):
        os.kill(shim, signal.SIGKILL)
    hub.clear_fault("sbatch")
    hub.start("hub")
    hub.wait_up()
    return settle(hub, lambda: serving(hub))


def restarted(hub: HubAtWork) -> str:
    """The hub is killed and started again under a running server."""
    served(hub)
    hub.kill("hub")
    hub.start("hub")
    hub.wait_up()
    return settle(hub, lambda: serving(hub))


def restarted_without_controller(hub: HubAtWork) -> str:
    """The hub is killed and started again while slurmctld is down."""
    served(hub)
    hub.stop_slurm_controller()
    hub.kill("hub")
    hub.start("hub")
    hub.wait_hub()
    time.sleep(POLLS)
    hub.slurm.up()
    return settle(hub, lambda: serving(hub))


def proxy_killed(hub: HubAtWork) -> str:
    """The proxy is killed and started again, with no routes."""
    served(hub)
    hub.kill("proxy")
    hub.start("proxy")
    return settle(hub, lambda: serving(hub), 90)


def server_dies(hub: HubAtWork) -> str:
    """The server's process ends and its job lives on."""
    hub.set_fault("linger")
    served(hub)
    hub.ask_server("", "quit")
    return settle(hub, lambda: gone(hub), 75)


def dies_at_once(hub: HubAtWork) -> str:
    """The job's script fails before the server: what is the answer to the click, and when."""
    hub.set_fault("broken")
    began = time.monotonic()
    reply = hub.ask_to_start()
    took = time.monotonic() - began
    return f"{told(reply)} after {took:.0f} s. {settle(hub, lambda: gone(hub))}"


def clicked_twice(hub: HubAtWork) -> str:
    """Two tabs ask for the same server at the same moment."""
    clicks = [threading.Thread(target=hub.begin) for _ in range(2)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    return settle(hub, lambda: serving(hub))
