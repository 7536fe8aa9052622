"""The served OpenAPI holds whatever is sent: generated requests meet no 5xx and no answer that it does not describe."""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.facility.at_work import AtWork, at_work
from tests.facility.conftest import RealSite

pytestmark = pytest.mark.slurm

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SECONDS = 30.0  # for all operations together
EXAMPLES = 6  # of each operation, as long as there is time
CLOSED = ("/identity/", "/api/v1.2/utilities/command")  # a hub's, an operator's with a proof, or switched off
OPERATORS = ("/health/", "/reservations/requests/")
LEFT_OUT = {"/jobs/events", "/events", "/api/v1/auth/revoke"}  # two never end by themselves, one ends the token


@pytest.fixture
async def service(real_site: RealSite, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The facility at work."""
    async with at_work(real_site.profile, tmp_path) as service:
        yield service


@dataclass
class Attack:
    """Requests to one service: some as generated, some about what is there; some as ana, some as kim, an operator."""

    url: str
    tokens: tuple[str, str]
    known: Mapping[str, str]
    statuses: dict[str, list[int]] = field(default_factory=dict)

    def all(self) -> list[str]:
        """Everything that went wrong, in words; each operation gets its share of the time."""
        schema = schemathesis.openapi.from_url(f"{self.url}/openapi.json", timeout=60.0)
        operations = [found.ok() for found in schema.get_all_operations()]
        chosen = [operation for operation in operations if operation.path not in LEFT_OUT]
        return [words for operation in chosen for words in self.one(operation, SECONDS / len(chosen))]

    def one(self, operation: schemathesis.APIOperation, seconds: float) -> list[str]:
        """What went wrong with one operation."""
        until, tried, turn = time.monotonic() + seconds, list[str](), itertools.count()
        statuses = self.statuses.setdefault(operation.label, [])

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck), report_multiple_bugs=False,
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def send(case: schemathesis.Case) -> None:
            if time.monotonic() < until or not statuses:
                number = next(turn)
                if number % 3 != 2:
                    self.aim(case)
                tried.append(case.as_curl_command())
                headers = {"Authorization": f"Bearer {self.tokens[number % 2]}"}
                statuses.append(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

        try:
            send()
        except (Failure, FailureGroup) as failure:
            found = failure.exceptions if isinstance(failure, FailureGroup) else [failure]
            return [f"{operation.label}: {one}\n{tried[-1]}" for one in found]
        return []

    def aim(self, case: schemathesis.Case) -> None:
        """Let the request be about something that is there."""
        kind = case.operation.path.partition("{name}")[0]
        for place in (case.path_parameters, case.query, case.body):
            for name in place if isinstance(place, dict) else ():
                if found := self.known.get(f"{kind}{name}" if name == "name" else name):
                    place[name] = found


async def known(service: AtWork, site: RealSite, token: str, folder: Path) -> dict[str, str]:
    """What ana can ask about: a waiting job, a file, a piece of work, a callback, and what IRI calls each thing."""
    job = {"script": "#!/bin/sh\nsleep 60\n", "account": "ncem", "walltime": 300, "output": "/dev/null"}
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=service.url, headers=headers, timeout=60, trust_env=False) as http:
        work = (await http.post("/jobs", json=job, params={"wait": "30"})).json()
        projects = (await http.get("/iri/api/v2/account/projects")).json()
        sites = (await http.get("/iri/api/v2/facility/sites")).json()
    system = next(iter(site.profile.systems))
    return {
        "machine": system,
        "job_id": work["result"]["jobid"],
        "operation_id": work["id"],
        "task_id": work["id"],
        "path": str(folder / "notes.txt"),
        "resource_id": system,
        "site_id": sites[0]["id"],
        "project_id": projects[0]["id"],
        "repo": "ncem",
        "/reservations/name": "ncem-tonight",
        "/health/resources/name": system,
        "/api/v1.2/status/name": system,
        "/api/v1.2/status/notes/name": system,
        "/api/v1.2/status/outages/name": system,
        "/api/v1.2/status/outages/planned/name": system,
        "/api/v1/health/resource_statuses/name": system,
    }


async def test_no_generated_request_breaks_the_service(service: AtWork, real_site: RealSite) -> None:
    """With tokens that may do everything a person and an operator may; no operation is met at its gate only."""
    folder = real_site.folder / f"openapi-{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "notes.txt").write_text("what was measured\n")
    for place in (folder, folder / "notes.txt"):
        os.chown(place, pwd.getpwnam(real_site.ana).pw_uid, -1)
    ana, kim = [await (await service.token(user))() for user in (real_site.ana, real_site.kim or real_site.ana)]
    attack = Attack(service.url, (ana, kim), await known(service, real_site, ana, folder))
    found = await asyncio.to_thread(attack.all)
    gates = {label for label, seen in attack.statuses.items() if len(seen) > 1 and set(seen) <= {401, 403}}
    answered = [label for label, seen in attack.statuses.items() if any(status < 400 for status in seen)]

    assert not found, "\n\n".join(found)
    closed = CLOSED if real_site.kim else (*CLOSED, *OPERATORS)  # alone on a machine one is no operator
    assert not {label for label in gates if not label.partition(" ")[2].startswith(closed)}
    assert len(answered) > len(attack.statuses) / 3
