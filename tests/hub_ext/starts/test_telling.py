"""What operators read of starts: the hub's /metrics, and one event for each attempt."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


def metric(hub: HubAtWork, name: str) -> float:
    """One figure of the hub's /metrics; zero where there is none yet."""
    url = f"http://127.0.0.1:{hub.ports.hub}/hub/metrics"
    text = httpx.get(url, headers=hub.admin, trust_env=False, timeout=30).raise_for_status().text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def events(hub: HubAtWork) -> list[dict[str, Any]]:
    """Every attempt that the hub wrote down."""
    path = hub.folder / "events.log"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [row for row in rows if row["__schema__"] == "urn:beamside:spawn-attempt:v1"]


def test_a_start_that_serves_is_counted_and_told(hub: HubAtWork) -> None:
    """The wait in the queue by partition and reservation, the age of the hub's view, and the event with its job."""
    wait = 'beamside_queue_wait_seconds_count{partition="main",reservation="ncem-tonight",system="sidecar"}'
    waits, served = metric(hub, wait), metric(hub, 'beamside_starts_total{outcome="served"}')

    hub.begin({"reservation": "ncem-tonight", "account": "ncem", "walltime": "0:07"})
    job = hub.wait_serving(seconds=60)

    told = events(hub)[-1]
    assert (hub.user, "", "served", "", job) == tuple(
        told[key] for key in ("username", "servername", "outcome", "reason", "job_id"))  # fmt: skip
    assert ("ncem", "ncem-tonight", 1) == (told["account"], told["reservation"], told["nodes"])
    assert told["queue_seconds"] is None or told["queue_seconds"] >= 0
    assert (waits + 1, served + 1) == (metric(hub, wait), metric(hub, 'beamside_starts_total{outcome="served"}'))
    assert metric(hub, 'beamside_poll_age_seconds{system="sidecar"}') >= 0


def test_a_start_that_fails_is_counted_by_its_reason(hub: HubAtWork) -> None:
    """A job that dies before it serves stands under the name of its end."""
    name = 'beamside_starts_total{outcome="failed"}'
    before = metric(hub, name)
    hub.set_fault("broken")

    hub.ask_to_start()

    assert before + 1 == metric(hub, name)
    assert ("failed", "failed") == (events(hub)[-1]["outcome"], events(hub)[-1]["reason"])
    assert metric(hub, 'beamside_server_ends_total{kind="failed"}') >= 1
