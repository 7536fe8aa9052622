"""The facility service is away for long: the hub looks at Slurm itself, once for all of its servers."""

from __future__ import annotations

import pwd
import re
import time
from typing import TYPE_CHECKING

import pytest

from beamside.demo.processes import wait_until
from facility.places import claim_path
from spawners.start.shared_look import ASK_EVERY

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

SERVERS = ("one", "two", "three")


def questions(hub: HubAtWork) -> list[set[str]]:
    """The jobs that each squeue was asked about which the hub ran since they are counted."""
    counted = hub.control / "squeue.calls"
    text = counted.read_text(encoding="utf-8") if counted.exists() else ""
    return [set(found.split(",")) for found in re.findall(r"--jobs=(\S+)", text)]


def ready(hub: HubAtWork) -> set[str]:
    """The servers that the hub calls ready."""
    return {name for name in SERVERS if hub.server(name).get("ready")}


def test_all_servers_share_one_look_and_an_end_is_still_noticed(hub: HubAtWork) -> None:
    """Each look asks about every job, seldom however many servers there are, and sees the end that nobody told of."""
    jobs = {}
    for name in SERVERS:
        hub.begin(server=name)
        jobs[name] = hub.wait_serving(seconds=120, name=name)
    for process in ("facility", "hub"):
        hub.kill(process)
    hub.set_fault("squeue", "counted")
    began = time.monotonic()
    hub.start("hub")  # it has no former look of the service to go by
    hub.wait_hub()
    wait_until(lambda: ready(hub) == set(SERVERS), seconds=120, otherwise=lambda: hub.log("hub"))

    everybody = set(jobs.values())
    wait_until(lambda: everybody in questions(hub), seconds=120, otherwise=lambda: str(questions(hub)))
    ((nonce,),) = hub.query(f"SELECT nonce FROM intents WHERE closed IS NULL AND job_id = '{jobs['two']}'")
    claim_path(pwd.getpwnam(hub.user).pw_dir, nonce).unlink()  # without it the job cannot say that it ends
    hub.slurm.run("scancel", jobs["two"])
    wait_until(lambda: ready(hub) == {"one", "three"}, seconds=120, otherwise=lambda: hub.log("hub"))

    asked, seconds = questions(hub), time.monotonic() - began
    assert len(asked) <= seconds / ASK_EVERY + 1, asked
    assert jobs["three"] == hub.wait_serving(seconds=60, name="three")
    for name in SERVERS:
        hub.api("DELETE", f"/users/{hub.user}/servers/{name}", {"remove": True})
