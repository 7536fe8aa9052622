"""When a job would start, asked of the real Slurm by the service: as the person, counted by Slurm itself."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beamside.demo.slurm.cluster import SlurmCluster
from facility.client import FacilityClient, JobScript
from facility.errors import Busy, NotAllowed, Unreachable
from facility.models import JobRequest
from facility.profile import Profile
from facility.service.scopes import HUB
from facility.testing import CommandShim, until

from ...at_work import AtWork, at_work
from ...conftest import RealSite, install_helper

pytestmark = pytest.mark.slurm

AWAY = b"allocation failure: Unable to contact slurm controller (connect failure)\n"
SIZE = JobRequest("ncem", "regular", "main", timedelta(minutes=10))


def questions(slurm: SlurmCluster) -> int:
    """How often Slurm was asked when a job would start, by its own count."""
    found = re.search(r"REQUEST_JOB_WILL_RUN\s+\(\s*\d+\)\s+count:(\d+)", slurm.run("sdiag"))
    return int(found[1]) if found else 0


@pytest.fixture
async def service(real_site: RealSite, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The whole service over it."""
    async with at_work(real_site.profile, tmp_path) as service:
        yield service


@pytest.fixture
async def ana(service: AtWork, real_site: RealSite) -> AsyncIterator[FacilityClient]:
    """ana's client."""
    async with await service.client(real_site.ana) as client:
        yield client


@pytest.fixture
async def hub(service: AtWork) -> AsyncIterator[FacilityClient]:
    """A hub's client."""
    desk = getattr(service.parts.identity, "desk")  # noqa: B009 - it is served here

    async def token() -> str:
        return str(desk.tokens.mint("beamside-hub", frozenset({HUB}), "hub").access_token)

    async with FacilityClient(service.url, token) as client:
        yield client


async def test_fifty_who_ask_the_same_cost_one_question(
    ana: FacilityClient, hub: FacilityClient, slurm: SlurmCluster, real_site: RealSite
) -> None:
    """At once by the hub, then by the person and the hub again. Nothing is submitted."""
    before, held = questions(slurm), slurm.run("squeue", "--noheader", "--format=%i").split()
    many = await asyncio.gather(*(hub.estimate(SIZE, real_site.ana) for _ in range(50)))
    later = [await ana.estimate(SIZE), await hub.estimate(SIZE, real_site.ana)]

    assert 1 == questions(slurm) - before
    assert 1 == len(set(many + later))
    assert many[0].starts and many[0].nodes.startswith("nid") and "main" == many[0].partition
    assert set(slurm.run("squeue", "--noheader", "--format=%i").split()) <= set(held)


async def test_behind_a_running_job_the_start_is_its_end(
    ana: FacilityClient, slurm: SlurmCluster, real_site: RealSite
) -> None:
    """The nodes of a reservation are taken for half an hour: the next job there starts when that has passed."""
    taken = replace(SIZE, reservation="ncem-tonight", nodes=4, walltime=timedelta(minutes=30))
    script = JobScript("#!/bin/sh\nsleep 1800\n", account="ncem", qos="regular", partition="main", output="/dev/null")
    job_id = await ana.submit(
        replace(script, reservation=taken.reservation, nodes=4, walltime=taken.walltime, cpus_per_task=16)
    )
    try:
        await until_running(slurm, job_id)
        found = await ana.estimate(replace(taken, cpus_per_task=16))
    finally:
        await ana.cancel(job_id)

    wait = found.wait(datetime.now(UTC))
    assert wait and timedelta(minutes=25) < wait <= timedelta(minutes=31)


async def until_running(slurm: SlurmCluster, job_id: str) -> None:
    """Wait for a job's start."""
    state = ("squeue", "--noheader", f"--jobs={job_id}", "--format=%T")
    await until(lambda: slurm.run(*state).strip() == "RUNNING", 180)


async def test_a_reservation_to_come_gives_its_begin_and_a_refusal_its_words(
    ana: FacilityClient, slurm: SlurmCluster
) -> None:
    """What is refused is remembered too; what can never start is said without a question."""
    reservation = await ana.reservation("ana-tomorrow")
    later = await ana.estimate(replace(SIZE, reservation="ana-tomorrow"))
    refused = [await ana.estimate(replace(SIZE, account="nosuch")) for _ in range(3)]
    asked = questions(slurm)
    never = await ana.estimate(replace(SIZE, qos="debug", walltime=timedelta(hours=1)))

    assert reservation.starts == later.starts
    assert {"the scheduler refused the job: Invalid account or account/partition combination specified"} == {
        one.why_not for one in refused
    }
    assert ("would wait for ever" in never.why_not, asked) == (True, questions(slurm))


async def test_who_asks_for_too_much_is_told_when_to_come_again(ana: FacilityClient, slurm: SlurmCluster) -> None:
    """Five of one person's at once; what is refused never reaches Slurm, and what is known is told all the same."""
    before = questions(slurm)
    sizes = [replace(SIZE, walltime=timedelta(minutes=minutes)) for minutes in range(1, 11)]
    answers = await asyncio.gather(*(ana.estimate(size) for size in sizes), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Busy)]
    known = next(size for size, answer in zip(sizes, answers, strict=True) if not isinstance(answer, BaseException))

    assert refused and len(sizes) - len(refused) == questions(slurm) - before >= 5
    assert all(0 < busy.retry_after <= 60 for busy in refused)
    assert (await ana.estimate(known)).starts


@pytest.mark.needs_root
async def test_nobody_asks_in_anothers_name_but_a_hub(
    service: AtWork, hub: FacilityClient, real_site: RealSite
) -> None:
    """ben's own answer differs from ana's where ana alone is admitted; an operator is no exception."""
    inside = replace(SIZE, reservation="ana-tomorrow")
    anas, bens = [await hub.estimate(inside, user) for user in (real_site.ana, real_site.ben)]
    async with await service.client(real_site.kim) as kim:
        with pytest.raises(NotAllowed, match="or a hub"):
            await kim.estimate(SIZE, real_site.ana)

    assert anas.starts and not bens.starts
    assert "refused the job" in bens.why_not


async def test_a_scheduler_that_went_away_leaves_the_last_answer(real_site: RealSite, tmp_path: Path) -> None:
    """With its age and why it is old; who asked for nothing before is told that there is no answer."""
    profile, sbatch = with_shim(real_site)
    async with at_work(profile, tmp_path) as service, await service.client(real_site.ana) as ana:
        first = await ana.estimate(SIZE)
        held = service.parts.estimates._held
        held[(real_site.ana, SIZE)] = replace(first, as_of=first.as_of - timedelta(minutes=2))
        sbatch.answer(stderr=AWAY, returncode=1)
        older = await ana.estimate(SIZE)
        with pytest.raises(Unreachable, match="did not say when"):
            await ana.estimate(replace(SIZE, nodes=2))

    assert (first.starts, first.as_of - timedelta(minutes=2)) == (older.starts, older.as_of)
    assert "Unable to contact slurm controller" in older.problem


def with_shim(site: RealSite) -> tuple[Profile, CommandShim]:
    """The site, with an sbatch that can be made to fail."""
    folder = site.folder / secrets.token_hex(4)
    shim = CommandShim(folder, site.profile.system.commands.sbatch)
    commands = site.profile.system.commands.model_copy(update={"sbatch": str(shim.path)})
    system = site.profile.system.model_copy(update={"commands": commands})
    facts = site.profile.as_user
    if facts:
        environment = {"PATH": os.environ["PATH"], "SLURM_CONF": system.slurm_conf}
        helper = install_helper(folder / "libexec", facts.group, environment, commands.model_dump())
        facts = facts.model_copy(update={"helper": (str(helper),)})
    return site.profile.model_copy(update={"as_user": facts, "systems": {"tests": system}}), shim
