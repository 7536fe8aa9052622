"""A job of the real Slurm, told to a real receiver by the service at work."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from facility.profile import Callbacks
from facility.service.app import create_app
from facility.service.running import running
from facility.testing import until
from facility.testing.tokens import token_for
from tests.conftest import RunAs
from tests.facility.conftest import RealSite

from .conftest import Receiver

pytestmark = pytest.mark.slurm


async def test_a_jobs_life_is_told_to_its_owner(
    real_site: RealSite, receiver: Receiver, tmp_path: Path, run_as: RunAs
) -> None:
    """It waits or runs, it fails, each told once and signed; the scheduler was asked by the one poller only."""
    allowed = Callbacks(http=True, allowed=("127.0.0.1",))
    service = real_site.profile.service.model_copy(update={"callbacks": allowed})
    profile = real_site.profile.model_copy(update={"service": service})
    async with running(profile, tmp_path / "state") as parts:
        transport = httpx.ASGITransport(create_app(parts))
        headers = {"Authorization": f"Bearer {token_for(parts, real_site.ana)}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400", headers=headers) as http:
            await until(lambda: parts.ledger.taken is not None, 30)
            wanted = {"url": receiver.url, "events": ["job.running", "job.failed"], "filter": {"account": "ncem"}}
            made = (await http.post("/callbacks", json=wanted)).json()
            sbatch = real_site.profile.system.commands.sbatch
            line = [sbatch, "--account=ncem", "--time=5", "--parsable", "--wrap", "sleep 6; exit 3"]
            job_id = run_as(real_site.ana, *line).stdout.decode().strip()
            requests = await receiver.wait(2, 60)

    told = [Webhook(made["secret"]).verify(request.body, request.headers) for request in requests]
    assert [("job.running", job_id), ("job.failed", job_id)] == [(one["type"], one["data"]["id"]) for one in told]
    assert [1, 2] == [one["sequence"] for one in told]
