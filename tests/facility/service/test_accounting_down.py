"""Slurm's accounting database away, for real: its daemon is killed under a running service, and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from beamside.demo.processes import recorded, wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from facility.client import JobScript
from facility.offer import OfferSource
from tests.facility.at_work import at_work
from tests.facility.conftest import RealSite

pytestmark = pytest.mark.slurm
SCRIPT = JobScript("#!/bin/sh\nsleep 60\n", account="ncem", walltime=timedelta(minutes=5), output="/dev/null")


@pytest.fixture
def breakable(slurm: SlurmCluster) -> Iterator[SlurmCluster]:
    """The Slurm of the whole run, whole again afterwards: the controller has told accounting what it missed."""
    yield slurm
    slurm.up()

    def waiting() -> str:
        return next(line for line in slurm.run("sdiag").splitlines() if line.startswith("DBD Agent queue size:"))

    wait_until(lambda: waiting().endswith(" 0"), seconds=120, otherwise=waiting)


def kill(slurm: SlurmCluster, name: str) -> None:
    """kill -9 of a daemon."""
    record = recorded(slurm.directory, name)
    assert record
    os.kill(record.pid, signal.SIGKILL)


async def test_without_accounting_people_go_on_with_what_was_last_known(
    breakable: SlurmCluster, real_site: RealSite, tmp_path: Path
) -> None:
    """The form draws the accounts of before, marked; a job starts; health names the part, down and up again."""
    async with at_work(real_site.profile, tmp_path) as service, await service.client(real_site.ana) as ana:
        fact, offers = service.parts.facts.associations, OfferSource(ana, fresh=0.0)
        before = await offers.offer("")
        kill(breakable, "slurmdbd")
        await fact.refresh(service.parts.budget)
        during, answer = await offers.offer(""), await ana.accounts()
        down = {part.name: part.state for part in (await ana.health()).subsystems}
        job_id = await ana.submit(SCRIPT)
        await ana.cancel(job_id)
        await asyncio.to_thread(breakable.up)
        await fact.refresh(service.parts.budget)
        up = fact.watched.subsystem.state
        after = await offers.offer("")

    assert ((), before.accounts, before.accounts) == (before.problems, during.accounts, after.accounts)
    assert (True, before.entitlements.as_of) == (during.entitlements.stale, answer.as_of)
    assert "sacctmgr" in answer.problem
    assert ("down", "up", "up") == (down["accounting"], down["scheduler"], up)
    assert not after.entitlements.stale
