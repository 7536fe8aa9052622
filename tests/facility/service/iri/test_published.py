"""What is served against what is published, in both versions, and the page that tells of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from iri_client import Client

from facility.service.routers import iri

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "iri.md").read_text(encoding="utf-8")
ALLOCATIONS = "/account/projects/{project_id}/project_allocations"

PUBLISHED = {
    "getCapabilities": "GET /account/capabilities",
    "getCapability": "GET /account/capabilities/{capability_id}",
    "getProjects": "GET /account/projects",
    "getProject": "GET /account/projects/{project_id}",
    "getProjectAllocationsByProject": f"GET {ALLOCATIONS}",
    "getProjectAllocationByProject": f"GET {ALLOCATIONS}/{{project_allocation_id}}",
    "getUserAllocationsByProjectAllocation": f"GET {ALLOCATIONS}/{{project_allocation_id}}/user_allocations",
    "getUserAllocationByProjectAllocation": (
        f"GET {ALLOCATIONS}/{{project_allocation_id}}/user_allocations/{{user_allocation_id}}"
    ),
    "getComputeResources": "GET /compute/resources",
    "launchJob": "POST /compute/job/{resource_id}",
    "updateJob": "PUT /compute/job/{resource_id}/{job_id}",
    "getJob": "GET /compute/status/{resource_id}/{job_id}",
    "getJobs": "POST /compute/status/{resource_id}",
    "cancelJob": "DELETE /compute/cancel/{resource_id}/{job_id}",
    "getFacility": "GET /facility",
    "getSites": "GET /facility/sites",
    "getSite": "GET /facility/sites/{site_id}",
    "getFilesystemResources": "POST /filesystem/resources",
    **{
        command: f"POST /filesystem/{command}/{{resource_id}}"
        for command in (
            "chmod", "chown", "file", "stat", "mkdir", "symlink", "ls", "head", "view", "tail", "checksum", "rm",
            "compress", "extract", "mv", "cp", "download", "upload",
        )
    },
    "getResources": "GET /status/resources",
    "getResource": "GET /status/resources/{resource_id}",
    "getIncidents": "GET /status/incidents",
    "getIncident": "GET /status/incidents/{incident_id}",
    "getEventsByIncident": "GET /status/events",
    "getEventByIncident": "GET /status/events/{event_id}",
    "getStorageLocations": "GET /storage/locations/{resource_id}",
    "getStorageAccessEndpoints": "GET /storage/access-endpoints/{resource_id}",
    "getTask": "GET /task/{task_id}",
    "deleteTask": "DELETE /task/{task_id}",
    "getTasks": "GET /task",
}  # fmt: skip
"""The operations of the published description of version 2: operationId -> method and path below /api/v2."""

UNFINISHED = {
    "getComputeResources": "planned",
    "getFilesystemResources": "planned",
    "getStorageLocations": "in development",
    "getStorageAccessEndpoints": "in development",
}
"""Those whose `x-iri.maturity` is not production."""

CREATING = {"mkdir", "symlink", "compress", "extract", "mv", "cp"}
"""Those that the description answers with 201."""


def served(version: int) -> dict[str, str]:
    """Our operations of one version: name -> method and path below the version's own."""
    prefix = f"{iri.PREFIX}/v{version}"
    routes = [route for route in iri.router.routes if route.path.startswith(f"{prefix}/")]
    return {route.name: f"{min(route.methods)} {route.path.removeprefix(prefix)}" for route in routes}


def test_every_published_operation_that_is_finished_is_served() -> None:
    """Forty-seven there are; four of them are not finished, and nothing is served that is not published."""
    finished = {name: where for name, where in PUBLISHED.items() if name not in UNFINISHED}

    assert (47, 43) == (len(PUBLISHED), len(finished))
    assert finished == served(2)


def test_creating_commands_answer_as_published() -> None:
    """201 for what makes something, 204 for a cancelled job, 200 for all else."""
    statuses = {route.name: route.status_code or 200 for route in iri.router.routes}

    assert {"cancelJob": 204, **dict.fromkeys(CREATING, 201)} == {
        n: code for n, code in statuses.items() if code != 200
    }


def test_version_1_has_every_operation_of_the_published_client() -> None:
    """By its method and path; the newer of the two places of events, and the older one that the client asks."""
    routes = {f"{min(route.methods)} {route.path.removeprefix('/iri')}" for route in iri.router.routes}
    wanted = {f"{operation.method} {operation.path_template}" for operation in Client.operations()}

    assert set() == wanted - routes
    assert {"GET /api/v1/status/events", "GET /api/v1/status/events/{event_id}"} <= routes


@pytest.mark.parametrize("version", [1, 2])
def test_the_page_tells_of_every_operation(version: int) -> None:
    """By name, method and path; and of those that are not served with their maturity."""
    section = PAGE.split("\n## Operations\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", section, re.MULTILINE)
    told = {name: (two, one)[version % 2].strip("`") for name, two, one in rows}

    assert served(version) == {name: where for name, where in told.items() if where != "–"}


def test_the_page_names_what_is_not_served() -> None:
    """With the reason: how far the description itself says it is."""
    section = PAGE.split("\n## Not offered\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.+?) \|", section, re.MULTILINE)

    assert {name: (PUBLISHED[name], maturity) for name, maturity in UNFINISHED.items()} == {
        name: (where, maturity) for name, where, maturity in rows
    }
