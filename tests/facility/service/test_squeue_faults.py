"""What people and operators see while the real squeue fails, or prints what nobody can read (faults F1 and F4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from facility.answers import Subsystem
from facility.client import FacilityClient, JobScript
from facility.profile import Profile
from facility.testing import CommandShim, until
from tests.facility.at_work import AtWork, at_work
from tests.facility.conftest import RealSite

pytestmark = pytest.mark.slurm
SCRIPT = JobScript("#!/bin/sh\nsleep 600\n", account="ncem", walltime=timedelta(minutes=15), output="/dev/null")
NEW_WORDS = b"slurm_load_jobs error: Words that no release had so far"
PATIENCE = 120.0


@dataclass
class Breakable:
    """A service over a squeue that can be made to fail, and a job of ana's that it knows."""

    service: AtWork
    squeue: CommandShim
    ana: FacilityClient
    job_id: str

    async def scheduler(self) -> Subsystem:
        """The scheduler as health tells of it, to everybody."""
        return next(part for part in (await self.ana.health()).subsystems if part.name == "scheduler")

    async def wait_scheduler(self, state: str) -> Subsystem:
        """Wait until health calls it up or down."""
        watched = self.service.parts.poller.watched
        await until(lambda: watched.subsystem.state == state, PATIENCE)
        return await self.scheduler()

    async def malformed_rows(self) -> float:
        """The counter that Prometheus reads."""
        async with httpx.AsyncClient(base_url=self.service.url, trust_env=False) as http:
            families = text_string_to_metric_families((await http.get("/metrics")).text)
        samples = (sample for family in families for sample in family.samples)
        return next(sample.value for sample in samples if sample.name == "beamside_malformed_rows_total")

    async def is_kept(self) -> bool:
        """Whether the job is told of as it was: neither gone nor ended."""
        found = {job.id: job for job in (await self.ana.jobs()).jobs}
        return self.job_id in found and not found[self.job_id].state.is_final


def with_squeue(profile: Profile, path: Path) -> Profile:
    """The same site with another program for squeue."""
    name, system = next(iter(profile.systems.items()))
    commands = system.commands.model_copy(update={"squeue": str(path)})
    return profile.model_copy(update={"systems": {name: system.model_copy(update={"commands": commands})}})


@pytest.fixture
async def breakable(real_site: RealSite, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Breakable]:
    """Everything works at first."""
    shim = CommandShim(real_site.folder / request.node.name, real_site.profile.system.commands.squeue)
    shimmed = with_squeue(real_site.profile, shim.path)
    async with at_work(shimmed, tmp_path) as service, await service.client(real_site.ana) as ana:
        job_id = await ana.submit(SCRIPT)
        await until(lambda: service.parts.ledger.job(job_id) is not None, PATIENCE)
        yield Breakable(service, shim, ana, job_id)
        await ana.cancel(job_id)


async def test_an_error_nobody_knows_is_told_in_its_words_with_since_when(breakable: Breakable) -> None:
    """Health names the part, its words and its time; the job is as last told, with its age; then all is up again."""
    before = datetime.now(UTC)
    breakable.squeue.answer(stderr=NEW_WORDS, returncode=9)
    down = await breakable.wait_scheduler("down")
    taken = (await breakable.ana.jobs()).taken
    failed = breakable.squeue.calls
    await until(lambda: breakable.squeue.calls > failed + 1, PATIENCE)  # it is asked again, and fails again
    kept, later, again = await breakable.is_kept(), await breakable.scheduler(), (await breakable.ana.jobs()).taken
    breakable.squeue.pass_through()
    up = await breakable.wait_scheduler("up")

    assert (True, taken) == (kept, again)
    assert "Words that no release had so far" in down.last_error
    assert (True, down.since) == (before <= down.since, later.since)
    assert ("up", True) == (up.state, down.since < up.since)


async def test_rows_that_nobody_can_read_are_counted_and_end_no_job(breakable: Breakable) -> None:
    """Garbage of bytes that are no UTF-8: a figure for Prometheus grows, and absence proves nothing."""
    before = await breakable.malformed_rows()
    breakable.squeue.answer(b"\xff\xfe\x00 no row at all\n" * 3)
    down = await breakable.wait_scheduler("down")
    counted, kept = await breakable.malformed_rows(), await breakable.is_kept()
    breakable.squeue.pass_through()
    await breakable.wait_scheduler("up")

    assert (0.0, True, True) == (before, counted > 0, kept)
    assert "rows that cannot be read" in down.last_error
