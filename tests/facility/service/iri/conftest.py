"""A service at work over the real Slurm, and ana's way to version 2 of its IRI API."""

from __future__ import annotations

import asyncio
import pwd
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from ...at_work import AtWork, at_work
from ...conftest import RealSite

ENDED = {"completed", "failed", "canceled"}


@dataclass
class Ana:
    """What ana sends to /iri/api/v2."""

    service: AtWork
    user: str
    http: httpx.AsyncClient

    async def submit(self, spec: dict[str, Any], **headers: str) -> httpx.Response:
        """Launch a job, in the queue and account of the tests unless the specification says otherwise."""
        attributes = {"queue_name": "main", "account": "ncem", "duration": 120} | spec.get("attributes", {})
        body = {"resources": {"exclusive_node_use": False}} | spec | {"attributes": attributes}
        return await self.http.post("/compute/job/tests", json=body, headers=headers)

    async def ended(self, job_id: str) -> dict[str, Any]:
        """The job once it has ended."""
        async with asyncio.timeout(60):
            while True:
                found = (await self.http.get(f"/compute/status/tests/{job_id}")).json()
                if found["status"]["state"] in ENDED:
                    return found
                await asyncio.sleep(0.5)

    async def task(self, reply: httpx.Response) -> dict[str, Any]:
        """The task that was submitted, once it has ended."""
        assert reply.is_success, reply.text
        async with asyncio.timeout(60):
            while True:
                found = (await self.http.get(f"/task/{reply.json()['task_id']}")).json()
                if found["status"] in ENDED:
                    return found
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ana(real_site: RealSite, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ana]:
    """Ana, signed in; a service takes a while to start, so tests of one module share it."""
    async with at_work(real_site.profile, tmp_path_factory.mktemp("iri")) as service:
        token = await (await service.token(real_site.ana))()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=f"{service.url}/iri/api/v2", headers=headers, timeout=60, trust_env=False
        ) as http:
            yield Ana(service, real_site.ana, http)


@pytest.fixture
def home(real_site: RealSite) -> str:
    """A name in ana's home that nothing has yet."""
    return f"{pwd.getpwnam(real_site.ana).pw_dir}/iri-{secrets.token_hex(4)}"
