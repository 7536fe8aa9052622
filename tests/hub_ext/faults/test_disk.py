"""No room: at the hub's own disk, and at a person's home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from tests.hub_ext.conftest import HubAtWork, hub_at_work

if TYPE_CHECKING:
    from tests.conftest import RunAs

pytestmark = pytest.mark.slurm


@contextmanager
def files_limited(hub: HubAtWork, run_as: RunAs, size: int) -> Iterator[None]:
    """The hub, and what it starts, cannot make any file longer than this: for anybody what a full disk is."""

    def limit(soft: object) -> None:
        done = run_as(hub.user, "prlimit", f"--pid={hub.processes['hub'].pid}", f"--fsize={soft}:")
        assert 0 == done.returncode, done.stderr

    limit(size)
    try:
        yield
    finally:
        limit("unlimited")


def test_a_hub_that_cannot_write_submits_nothing_and_heals(hub: HubAtWork, run_as: RunAs) -> None:
    """No job that could not be recorded; what runs is served; with room again the next start is as ever."""
    hub.begin(server="runs")
    running = hub.wait_serving(seconds=120, name="runs")
    before = hub.all_jobs_ever()

    with files_limited(hub, run_as, 4096):
        refused = hub.ask_to_start()
        meanwhile = hub.wait_serving(seconds=120, name="runs")
    assert before == hub.all_jobs_ever()
    wait_until(lambda: hub.ask_to_start().is_success, seconds=60, pause=1, otherwise=lambda: hub.log("hub"))

    assert (507, True) == (refused.status_code, "The hub cannot write anything down" in refused.text), refused.text
    assert (running, 1) == (meanwhile, len({hub.wait_serving(seconds=120)}))
    hub.api("DELETE", f"/users/{hub.user}/servers/runs", {"remove": True})


def test_a_home_without_room_is_named_before_anything_is_submitted(slurm: SlurmCluster, run_as: RunAs) -> None:
    """The person reads within seconds that the home directory takes no files, instead of waiting for a server."""
    with hub_at_work(slurm) as hub:  # a new one: no file of its own is as long as the limit
        with files_limited(hub, run_as, 2**20 - 1):
            reply = hub.ask_to_start()

        words = "your home directory does not take the files of a job (File too large); nothing was submitted."
        assert (400, True) == (reply.status_code, words in reply.text), reply.text
        assert set() == hub.all_jobs_ever()
        assert [] == hub.query("SELECT nonce FROM intents WHERE closed IS NULL")
