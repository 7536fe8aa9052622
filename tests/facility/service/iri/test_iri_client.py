"""PyPI's iri-client, unmodified: every one of its operations, over HTTP and the real Slurm."""

from __future__ import annotations

import asyncio
import base64
import grp
import hashlib
import json
import pwd
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from iri_client import AsyncClient, Client

from beamside.demo.slurm.cluster import SlurmCluster

from ...at_work import AtWork, at_work
from ...conftest import RealSite

pytestmark = pytest.mark.slurm


@dataclass
class Caller:
    """An iri-client that signs in as ana, and remembers which operations were called."""

    service: AtWork
    user: str
    client: AsyncClient
    called: set[str] = field(default_factory=set)

    async def __call__(self, operation: str, *, body: object = None, query: object = None, **path: str) -> Any:
        """Call one operation; every argument as the client wants it, in JSON."""
        given = [None if part is None else json.dumps(part) for part in (path or None, query, body)]
        self.called.add(operation)
        return json.loads(await self.client.call_operation(operation, *given))

    async def task(self, operation: str, **asked: Any) -> Any:
        """Call a command on files, wait for the task, and give its output."""
        submitted = await self(operation, resource_id="tests", **asked)
        async with asyncio.timeout(60):
            while True:
                task = await self("getTask", task_id=submitted["task_id"])
                if task["status"] not in {"pending", "active"}:
                    break
                await asyncio.sleep(0.05)
        assert "completed" == task["status"], task
        return task["result"]["output"]


@pytest.fixture
def maintenance(slurm: SlurmCluster) -> Iterator[str]:
    """One node is under maintenance."""
    name = f"maint-{secrets.token_hex(4)}"

    def scontrol(*words: str) -> None:
        argv = slurm.inside([slurm.packages.command("scontrol"), *words])
        subprocess.run(argv, env=slurm.environment, check=True, capture_output=True)

    facts = ("StartTime=now", "Duration=60", "Nodes=nid005", "Users=root", "Flags=MAINT,IGNORE_JOBS")
    scontrol("create", "reservation", f"ReservationName={name}", *facts)
    yield name
    scontrol("delete", f"ReservationName={name}")


@pytest.fixture
async def iri(real_site: RealSite, tmp_path: Path, maintenance: str) -> AsyncIterator[Caller]:
    """The client of a service at work."""
    async with at_work(real_site.profile, tmp_path) as service:
        source = await service.token(real_site.ana)
        yield Caller(service, real_site.ana, AsyncClient(f"{service.url}/iri", await source()))


@pytest.fixture
def folder(iri: Caller) -> str:
    """A new folder of ana's."""
    return f"{pwd.getpwnam(iri.user).pw_dir}/iri-{secrets.token_hex(4)}"


async def test_every_operation_of_the_client_answers(iri: Caller, folder: str) -> None:
    """The facility, how it is, what is allocated, jobs, files and tasks: none of the client's list is left out."""
    await read_what_is_open(iri)
    await read_allocations(iri)
    await run_a_job(iri, folder)
    await work_on_files(iri, folder)
    await iri("getTasks")
    done = await iri("ls", resource_id="tests", query={"path": folder})
    ended = await iri("deleteTask", task_id=done["task_id"])

    assert done["task_id"] in ended
    assert {operation.operation_id for operation in Client.operations()} == iri.called


async def read_what_is_open(iri: Caller) -> None:
    """facility and status."""
    facility = await iri("getFacility")
    site = (await iri("getSites"))[0]
    (resource,) = await iri("getResources", query={"resource_type": "compute", "limit": 5})
    assert site == await iri("getSite", site_id=site["id"])
    assert [site["self_uri"]] == facility["site_uris"]
    assert resource == await iri("getResource", resource_id=resource["id"])
    assert ("tests", "degraded") == (resource["name"], resource["current_status"])
    (incident,) = await iri("getIncidents", query={"type": "planned", "resolution": "unresolved"})
    assert incident == await iri("getIncident", incident_id=incident["id"])
    event = (await iri("getEventsByIncident", incident_id=incident["id"]))[0]
    assert event == await iri("getEventByIncident", incident_id=incident["id"], event_id=event["id"])


async def read_allocations(iri: Caller) -> None:
    """account."""
    capability = (await iri("getCapabilities"))[0]
    assert capability == await iri("getCapability", capability_id=capability["id"])
    project = next(one for one in await iri("getProjects") if one["name"] == "ncem")
    assert project == await iri("getProject", project_id=project["id"])
    path = {"project_id": project["id"]}
    allocation = (await iri("getProjectAllocationsByProject", **path))[0]
    path |= {"project_allocation_id": allocation["id"]}
    assert allocation == await iri("getProjectAllocationByProject", **path)
    own = (await iri("getUserAllocationsByProjectAllocation", **path))[0]
    assert own == await iri("getUserAllocationByProjectAllocation", user_allocation_id=own["id"], **path)
    assert iri.user == own["user_id"]


async def run_a_job(iri: Caller, folder: str) -> None:
    """compute: submitted with hostile words, changed while it is held, cancelled; another one runs to its end."""
    name = "a name; $(id) `id`"
    spec = {
        "executable": "/bin/sleep",
        "arguments": ["600"],
        "name": name,
        "resources": {"node_count": 1, "exclusive_node_use": False},
        "attributes": {
            "duration": 600,
            "queue_name": "main",
            "account": "ncem",
            "custom_attributes": {"begin": "now+1hour"},
        },
    }
    job = await iri("launchJob", resource_id="tests", body=spec)
    where = {"resource_id": "tests", "job_id": job["id"]}
    changed = await iri("updateJob", body={"name": "renamed", "attributes": {"duration": 300}}, **where)
    listed = await iri("getJobs", resource_id="tests", body={"name": "renamed"}, query={"include_spec": True})
    await iri("cancelJob", **where)
    ended = await iri("getJob", query={"include_spec": True}, **where)
    assert ("queued", "renamed") == (changed["status"]["state"], changed["status"]["meta_data"]["name"])
    assert [job["id"]] == [one["id"] for one in listed]
    assert ("canceled", ["600"]) == (ended["status"]["state"], ended["job_spec"]["arguments"])


async def work_on_files(iri: Caller, folder: str) -> None:
    """filesystem: every command, as ana."""
    text, file = "one\ntwo\nthree\n", f"{folder}/notes.txt"
    assert "directory" == (await iri.task("mkdir", body={"path": folder, "parent": True}))["type"]
    assert "notes.txt" == Path((await iri.task("upload", query={"path": file}, body={"file": text}))["name"]).name
    assert "one\n" == (await iri.task("head", query={"path": file, "lines": 1}))["content"]
    assert "three\n" == (await iri.task("tail", query={"path": file, "lines": 1}))["content"]
    assert "two" == (await iri.task("view", query={"path": file, "offset": 4, "size": 3}))["content"]
    assert text == base64.b64decode(await iri.task("download", query={"path": file})).decode()
    digest = (await iri.task("checksum", query={"path": file}))["checksum"]
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    assert "text" in await iri.task("file", query={"path": file})
    assert len(text) == (await iri.task("stat", query={"path": file}))["size"]
    assert "-rw-r-----" == (await iri.task("chmod", body={"path": file, "mode": "640"}))["permissions"]
    group = grp.getgrgid(pwd.getpwnam(iri.user).pw_gid).gr_name
    await iri.task("chown", body={"path": file, "group": group})
    await iri.task("symlink", body={"path": file, "link_path": f"{folder}/link"})
    await iri.task("cp", body={"path": file, "target_path": f"{folder}/copy.txt"})
    await iri.task("mv", body={"path": f"{folder}/copy.txt", "target_path": f"{folder}/moved.txt"})
    archive = {"path": folder, "target_path": f"{folder}.tgz", "match_pattern": r"\.txt$", "compression": "gzip"}
    await iri.task("compress", body=archive)
    await iri.task("extract", body={"path": f"{folder}.tgz", "target_path": f"{folder}/out"})
    names = {entry["name"] for entry in await iri.task("ls", query={"path": folder})}
    await iri.task("rm", query={"path": f"{folder}/out"})
    assert {"notes.txt", "link", "moved.txt", "out"} == names
