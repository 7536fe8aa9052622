"""The list of named clusters, from a real Jupyter Server beside a real Slurm."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from beamside.demo.processes import wait_until
from facility.clusters import BlockRecord, ClusterRecord

pytestmark = pytest.mark.slurm

Keep = Callable[[Sequence[ClusterRecord]], None]


@pytest.fixture(scope="module")
def job(slurm, run_as) -> Iterator[str]:
    """A job of ana's that waits: the first block of a cluster."""
    submit = ["sbatch", "--parsable", "--account=ncem", "--hold", "--output=/dev/null", "--wrap=true"]
    job_id = run_as(slurm.people.ana, *submit).stdout.decode().strip()
    yield job_id
    run_as(slurm.people.ana, "scancel", job_id)


@pytest.fixture(scope="module")
def jupyter(slurm, start_jupyter):
    """JupyterLab as ana."""
    return start_jupyter(slurm.people.ana)


@pytest.fixture
def clusters(jupyter) -> Callable[[], httpx.Response]:
    """Ask for the list."""
    headers = {"Authorization": f"token {jupyter.token}"}
    return lambda: httpx.get(f"{jupyter.url}/beamside/clusters", headers=headers, trust_env=False, timeout=40)


@pytest.fixture
def keep(slurm, run_as, jupyter) -> Iterator[Keep]:
    """Write records as ana's kernels do; gone afterwards."""
    state = jupyter.log.parent / ".local"
    folder = state / "state" / "beamside" / "clusters"

    def write(records: Sequence[ClusterRecord]) -> None:
        run_as(slurm.people.ana, "mkdir", "-p", "-m", "0700", str(folder))
        for record in records:
            text = json.dumps(asdict(record)).encode()
            run_as(slurm.people.ana, "tee", str(folder / f"{record.name}.json"), stdin=text)

    yield write
    run_as(slurm.people.ana, "rm", "-r", str(state))


def record(name: str, created: float, **more: Any) -> ClusterRecord:
    """A cluster of ana's."""
    return ClusterRecord(name, created, "ncem", "realtime", "", 2, 4, **more)


def test_clusters_are_told_with_what_the_queue_says_of_them(clusters, keep, job) -> None:
    """Newest first; whether one is over is only said where somebody knows; no address leaves the server."""
    secret = {"scheduler_address": "tls://nid001:34567", "agents_address": "nid001:3", "scheduler_id": "Scheduler-1"}
    blocks = (BlockRecord(0, job, "pending", "held"),)
    keep(
        [
            record("tonight", 300.0, job_ids=(job,), blocks=blocks, dashboard_address="nid001:4", **secret),
            record("unheard-of", 200.0, job_ids=("99999999",), state="running"),
            record("broken", 100.0, state="failed", reason="the node was lost"),
        ]
    )

    def is_known_to_wait() -> bool:
        return clusters().json()["clusters"][0]["is_over"] is False

    wait_until(is_known_to_wait, seconds=60, otherwise=lambda: "the queue tells nothing of the first block's job")

    answer = clusters()
    first, second, third = answer.json()["clusters"]

    assert ("tonight", 2, 4) == (first["name"], first["nodes"], first["ranks_per_node"])
    assert [{"number": 0, "job_id": job, "state": "pending", "words": "held"}] == first["blocks"]
    assert ("1970-01-01T00:05:00+00:00", "beamside/clusters/tonight/pages/status") == (first["created"], first["pages"])
    assert ("unheard-of", None, None) == (second["name"], second["is_over"], second["pages"])
    assert ("broken", True, "the node was lost") == (third["name"], third["is_over"], third["reason"])
    assert answer.json()["knowledge"]["known"]
    assert not any(word in answer.text for word in ("nid001", "Scheduler-1"))


def test_records_that_cannot_be_read_are_no_empty_list(clusters, slurm, run_as, jupyter) -> None:
    """A home that is broken is said, in the shape of every error of ours."""
    place = str(jupyter.log.parent / ".local")
    run_as(slurm.people.ana, "tee", place)
    try:
        answer = clusters()
    finally:
        run_as(slurm.people.ana, "rm", place)

    assert 503 == answer.status_code
    assert "Their records cannot be read" in answer.json()["error"]["what"]
