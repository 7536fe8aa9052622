"""v0.0.40 and later, which were not run live: their published models, filled in, are what the provider reads and sends.

Models, generated from slurmrestd's OpenAPI: `aind-slurm-rest-v2` (v0.0.40) and `slurmrestapi` (v0.0.41 to v0.0.44).
"""

from __future__ import annotations

import importlib
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from facility.models import JobRequest, JobState
from facility.providers import Ability, Batch
from facility.providers.slurmrestd import SlurmRestd

REVISIONS = (40, 41, 42, 43, 44)
NOW = int(datetime.now(UTC).timestamp())


def figure(value: int | None, *, infinite: bool = False) -> dict[str, object]:
    """A number that may be unset."""
    return {"set": value is not None, "infinite": infinite, "number": value or 0}


JOB = {
    "job_id": 12, "array_job_id": figure(10), "array_task_id": figure(2), "user_name": "ana", "name": "bs-nonce",
    "job_state": ["RUNNING", "COMPLETING"], "state_reason": "None", "account": "ncem", "qos": "realtime",
    "partition": "main", "resv_name": "ncem-tonight", "comment": "beamside", "node_count": figure(2),
    "nodes": "nid[001-002]", "batch_host": "nid001", "priority": figure(7), "restart_cnt": 1,
    "exit_code": {"status": ["SUCCESS"], "return_code": figure(0), "signal": {"id": figure(None), "name": ""}},
    "submit_time": figure(NOW - 60), "start_time": figure(NOW - 50), "end_time": figure(NOW + 50),
}  # fmt: skip
RECORD = {
    "job_id": 9, "array": {"job_id": 0, "task_id": figure(None), "task": ""},
    "user": "ana", "name": "bs-nonce-old", "state": {"current": ["FAILED"], "reason": "NonZeroExitCode"},
    "account": "ncem", "qos": "realtime", "partition": "main", "reservation": {"id": 3, "name": "ncem-tonight"},
    "comment": {"administrator": "", "job": "beamside", "system": ""}, "allocation_nodes": 1, "nodes": "nid001",
    "priority": figure(7), "exit_code": {"status": ["ERROR"], "return_code": figure(3)},
    "time": {"submission": NOW - 900, "start": NOW - 800, "end": NOW - 700, "elapsed": 100, "eligible": NOW - 900,
             "suspended": 0, "limit": figure(60)},
}  # fmt: skip
RESERVATION = {
    "name": "ncem-tonight", "start_time": figure(NOW - 10), "end_time": figure(NOW + 3600), "accounts": "ncem,-als",
    "users": "", "groups": "", "node_count": 4, "node_list": "nid[001-004]", "flags": ["SPEC_NODES"],
}  # fmt: skip
PARTITION = {"name": "main", "partition": {"state": ["UP"]}, "maximums": {"time": figure(2880)}, "nodes": {"total": 2}}
NODE = {
    "name": "nid001", "state": ["IDLE", "RESERVED"], "cpus": 16, "real_memory": 32000, "gres": "gpu:a100:4",
    "features": ["gpu", "a100"], "partitions": ["main"],
}  # fmt: skip
DRAINED = NODE | {"name": "nid002", "state": ["IDLE", "DRAIN"]}
NODE_LIMIT = [{"type": "node", "name": "", "id": 4, "count": 4}]
QOS = {
    "name": "realtime", "description": "realtime", "priority": figure(10000),
    "limits": {"max": {"wall_clock": {"per": {"job": figure(240), "qos": figure(None)}},
                       "jobs": {"per": {"user": figure(20), "account": figure(None, infinite=True)}},
                       "tres": {"total": NODE_LIMIT, "per": {"user": [], "job": []}}}},
}  # fmt: skip
ASSOCIATION = {"user": "ana", "account": "ncem", "qos": ["realtime", "debug"], "default": {"qos": "debug"},
               "is_default": True, "cluster": "sidecar", "partition": ""}  # fmt: skip
ACCOUNT = {"name": "ncem", "description": "electron microscopy", "organization": "beamside"}
NEW = {"job_id": 99, "step_id": "batch", "errors": [], "warnings": []}
JOBS = {"jobs": [JOB], "last_update": figure(NOW), "last_backfill": figure(NOW)}

ANSWERS = {
    "/slurm/{v}/jobs": ("OpenapiJobInfoResp", JOBS),
    "/slurm/{v}/job/10": ("OpenapiJobInfoResp", JOBS),
    "/slurm/{v}/reservations": ("OpenapiReservationResp", {"reservations": [RESERVATION], "last_update": figure(NOW)}),
    "/slurm/{v}/partitions": ("OpenapiPartitionResp", {"partitions": [PARTITION], "last_update": figure(NOW)}),
    "/slurm/{v}/nodes": ("OpenapiNodesResp", {"nodes": [NODE, DRAINED], "last_update": figure(NOW)}),
    "/slurm/{v}/job/submit": ("OpenapiJobSubmitResponse", NEW),
    "/slurmdb/{v}/jobs": ("OpenapiSlurmdbdJobsResp", {"jobs": [RECORD]}),
    "/slurmdb/{v}/qos": ("OpenapiSlurmdbdQosResp", {"qos": [QOS]}),
    "/slurmdb/{v}/associations": ("OpenapiAssocsResp", {"associations": [ASSOCIATION]}),
    "/slurmdb/{v}/accounts": ("OpenapiAccountsResp", {"accounts": [ACCOUNT]}),
}  # fmt: skip


def through_model(revision: int, name: str, found: object) -> dict[str, object]:
    """What is left of a value after it went through the published model of this version."""
    models = importlib.import_module("aind_slurm_rest_v2" if revision == 40 else "slurmrestapi")
    model = getattr(models, f"V00{revision}{name}")
    return json.loads(model.from_dict(found).to_json())


class Published:
    """A slurmrestd that answers what its published models hold, and keeps what was submitted."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.submitted: dict[str, object] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name, found = ANSWERS[request.url.path.replace(f"v0.0.{self.revision}", "{v}")]
        if request.method == "POST":
            self.submitted = json.loads(request.content)
        return httpx.Response(200, json=through_model(self.revision, name, found))


@pytest.fixture(params=REVISIONS)
def published(request: pytest.FixtureRequest) -> Published:
    """Each version in turn."""
    return Published(request.param)


@pytest.fixture
def provider(published: Published) -> SlurmRestd:
    """ana's provider of it."""

    async def token() -> str:
        return "jwt"

    transport = httpx.MockTransport(published)
    return SlurmRestd("http://rest", "ana", token, published.revision, transport=transport)


def test_it_says_that_it_was_not_run_live(provider: SlurmRestd) -> None:
    """And 22.05's says that it was."""

    async def token() -> str:
        return "jwt"

    assert "not run live" in provider.can().not_run_live
    assert "" == SlurmRestd("http://rest", "ana", token).can().not_run_live


async def test_jobs_are_read(provider: SlurmRestd) -> None:
    """Lists of states, structured numbers, array tasks."""
    (job,) = await provider.jobs()

    assert ("10_2", JobState.COMPLETING, "RUNNING+COMPLETING") == (job.id, job.state, job.state_word)
    assert ("ncem", "realtime", "main", "ncem-tonight") == (job.account, job.qos, job.partition, job.reservation)
    assert (2, "nid001", 7, 1) == (job.node_count, job.batch_host, job.priority, job.restarts)
    assert datetime.fromtimestamp(NOW - 50, UTC) == job.starts
    assert job == await provider.job("10_2")


async def test_records_are_read_beside_the_queue(provider: SlurmRestd) -> None:
    """The older one first; the failed one with its status."""
    failed, held = await provider.find_by_nonce("bs-nonce")

    assert ("9", JobState.FAILED, "3:0", "beamside") == (failed.id, failed.state, failed.exit_code, failed.comment)
    assert ("10_2", datetime.fromtimestamp(NOW - 700, UTC)) == (held.id, failed.ends)


async def test_reservations_are_read(provider: SlurmRestd) -> None:
    """With the accounts that they name."""
    (reservation,) = await provider.reservations()

    assert ("ncem-tonight", "ACTIVE", 4) == (reservation.name, reservation.state, reservation.node_count)
    assert ("ncem", "-als") == reservation.accounts


async def test_partitions_are_read(provider: SlurmRestd) -> None:
    """Which one is the default is not told, and the provider says so."""
    (partition,) = await provider.partitions()

    assert (True, False, 2, 1) == (partition.is_up, partition.is_default, partition.nodes, partition.idle_nodes)
    assert (16, 32000, 4, timedelta(days=2)) == (
        partition.cpus_per_node, partition.memory_mb_per_node, partition.gpus_per_node, partition.max_walltime
    )  # fmt: skip
    assert "default" in provider.can().why_not(Ability.PARTITIONS)


async def test_qos_and_associations_are_read(provider: SlurmRestd) -> None:
    """With their limits."""
    (qos,), (entitlement,) = await provider.qos(), await provider.entitlements()

    assert (timedelta(hours=4), 4, 20, 10000) == (
        qos.max_walltime,
        qos.max_nodes,
        qos.max_submits_per_user,
        qos.priority,
    )
    assert ("ncem", ("realtime", "debug"), "debug") == (entitlement.account, entitlement.qos, entitlement.default_qos)
    assert (True, "electron microscopy") == (entitlement.is_default, entitlement.description)


async def test_a_submission_fits_the_published_model(provider: SlurmRestd, published: Published) -> None:
    """Nothing that is sent is unknown to the model of its version, nor of another type."""
    wish = JobRequest("ncem", "realtime", "main", timedelta(hours=2), nodes=2, reservation="ncem-tonight",
                      constraint="gpu", cpus_per_task=4, memory_mb=1000, gpus_per_node=2)  # fmt: skip
    batch = Batch(b"#!/bin/sh\ntrue\n", "bs-1", "/home/ana", "/dev/null", "beamside bs-1")

    assert "99" == await provider.submit(wish, batch)
    assert published.submitted == through_model(published.revision, "JobSubmitReq", published.submitted)
