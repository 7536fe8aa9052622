"""kill -9 of the hub at random moments of a start: one job each, and it serves without anybody's click."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

LONGEST = 2.5
"""Seconds; a start on an idle machine is over after about two."""

CHANCE = random.Random(int(os.environ.get("BEAMSIDE_SEED", "2026")))

MOMENTS = [round(CHANCE.uniform(0.0, LONGEST), 2) for _ in range(10)]


def begin(hub: HubAtWork) -> None:
    """Ask for a server of a hub that may not live to answer."""
    with contextlib.suppress(httpx.HTTPError):
        hub.begin({"walltime": "0:10"})


@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_the_hub_is_killed_the_start_ends_with_one_job_that_serves(hub: HubAtWork, moment: float) -> None:
    """Before sbatch, during it, in the queue, at the claim, at the first page: whatever the moment, nothing is lost."""
    click = threading.Thread(target=begin, args=(hub,))
    click.start()
    time.sleep(moment)  # the random moment itself is what is tested
    hub.kill("hub")
    click.join()
    asked = hub.query("SELECT 1 FROM intents WHERE closed IS NULL")

    hub.start("hub")
    hub.wait_hub()
    if not asked:  # killed before the request was written down: nobody was promised anything
        begin(hub)

    serving = hub.wait_serving(seconds=90)
    # an sbatch that outlives the hub may be heard of after the search for its job; such a job is cancelled as spare
    wait_until(lambda: hub.jobs() == [(serving, "RUNNING")], seconds=90, pause=0.3,
               otherwise=lambda: f"{serving} serves, {hub.jobs()} are there: {hub.log('hub', 9000)}")  # fmt: skip
