"""The facility over the real Slurm: what its commands really say, and acting as people."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from beamside.demo.slurm.accounts import NCEM_HOURS
from beamside.demo.slurm.cluster import SlurmCluster
from facility.as_user import Acting, acting
from facility.client import FacilityClient
from facility.errors import FacilityError, NotAllowed, NotFound, SubmitRefused, Unreachable
from facility.models import Job, JobRequest, JobState
from facility.offer import OfferSource
from facility.places import claim_path
from facility.providers.slurm import Slurm
from facility.service.app import create_app
from facility.service.clock import SystemClock
from facility.service.parts import Parts
from facility.service.running import running
from facility.service.scheduler.broadcast import Broadcast
from facility.service.scheduler.budget import Budget
from facility.service.scheduler.ledger import Ledger
from facility.service.scheduler.poller import Poller
from facility.testing import CommandShim, until
from facility.testing.tokens import token_for

from .conftest import RealSite, install_helper

pytestmark = pytest.mark.slurm
SCRIPT = b"#!/bin/sh\necho started as $(id -un)\nsleep 60\n"


@pytest.fixture
def act(real_site: RealSite) -> Acting:
    """The helper where there is root, else the one user."""
    return acting(real_site.profile)


@pytest.fixture
def slurm_(real_site: RealSite, act: Acting) -> Slurm:
    """The provider over the real commands."""
    return Slurm(real_site.profile.system, act)


async def submit(slurm: Slurm, site: RealSite, name: str, **different: object) -> str:
    """A job of ana's that would run for a minute."""
    choice = {"account": "ncem", "qos": "realtime", "partition": "main", "walltime": timedelta(minutes=2)} | different
    home = pwd.getpwnam(site.ana).pw_dir
    request = JobRequest(**choice)  # type: ignore[arg-type]  # a test's choices
    return await slurm.submit(
        request, SCRIPT, user=site.ana, name=name, comment=name, directory=home, output="/dev/null"
    )


async def until_state(slurm: Slurm, job_id: str, *states: JobState) -> Job:
    """Wait for a job to come to one of these states."""
    async with asyncio.timeout(60):
        while True:
            job = await slurm.job(job_id)
            if job and job.state in states:
                return job
            await asyncio.sleep(0.2)


async def test_a_job_lives_and_ends_as_its_owner(slurm_: Slurm, real_site: RealSite) -> None:
    """Submitted, running on a node, cancelled, and told from its record."""
    name = f"bs-{secrets.token_hex(4)}"
    job_id = await submit(slurm_, real_site, name)
    job = await until_state(slurm_, job_id, JobState.RUNNING)
    found = await slurm_.find_by_nonce(real_site.ana, name)
    await slurm_.cancel(job_id, user=real_site.ana)
    ended = await until_state(slurm_, job_id, JobState.CANCELLED)

    assert (real_site.ana, "ncem", "realtime", name, 1) == (job.user, job.account, job.qos, job.name, job.node_count)
    assert (job.batch_host, [job_id]) == (job.node_list, [carrier.id for carrier in found])
    assert ended.state.is_final
    await slurm_.cancel(job_id, user=real_site.ana)  # twice is no error


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"account": "nosuch"}, "Invalid account"),
        ({"account": "als"}, "Invalid qos"),
        ({"reservation": "nosuch"}, "Requested reservation is invalid"),
        ({"constraint": "nosuch"}, "Invalid feature"),
    ],
)
async def test_slurm_refuses_in_its_own_words(
    slurm_: Slurm, real_site: RealSite, different: dict[str, str], words: str
) -> None:
    """What the real sbatch says reaches the person."""
    with pytest.raises(SubmitRefused, match=words):
        await submit(slurm_, real_site, "x", **different)


async def test_an_unknown_id_is_positively_unknown(slurm_: Slurm) -> None:
    """The real controller says so."""
    assert await slurm_.job("4000000") is None


async def test_what_may_be_used_is_read(slurm_: Slurm, real_site: RealSite) -> None:
    """Accounts, QOS with limits, partitions and reservations of the real site."""
    entitlements, qos = await slurm_.entitlements(real_site.ana), await slurm_.qos()
    partitions, reservations = await slurm_.partitions(), await slurm_.reservations()

    assert {"ncem", "als"} == {entitlement.account for entitlement in entitlements}
    assert {"realtime", "debug", "preempt"} <= {quality.name for quality in qos}
    assert {"main"} <= {partition.name for partition in partitions}
    assert any(reservation.is_active(datetime.now(UTC)) for reservation in reservations)


async def test_what_is_left_of_an_account_is_read(slurm_: Slurm, slurm: SlurmCluster, real_site: RealSite) -> None:
    """Where a site limits node minutes, each account says how many node hours are left; without a limit nothing."""
    found: dict[int, dict[str, float | None]] = {}
    for minutes in (6000, -1):  # in the end without a limit, as it was
        slurm.run("sacctmgr", "-i", "modify", "account", "als", "set", f"GrpTRESMins=node={minutes}")
        left: dict[str, float | None] = {}
        async with asyncio.timeout(60):  # accounting tells the controller a moment later
            while "als" not in left or (left["als"] is None) is (minutes > 0):
                left = {one.account: one.balance_hours for one in await slurm_.entitlements(real_site.ana)}
                await asyncio.sleep(0.1)
        found[minutes] = left

    assert 0 <= (found[6000]["als"] or -1) <= 100
    assert found[-1]["als"] is None
    assert 0 < (found[-1]["ncem"] or -1) <= NCEM_HOURS


@pytest.fixture
def lossy(real_site: RealSite, tmp_path: Path) -> Iterator[tuple[Slurm, CommandShim]]:
    """The provider over an sbatch that can lose its answers, called as a site would call it."""
    folder = real_site.folder / secrets.token_hex(4)
    shim = CommandShim(folder, real_site.profile.system.commands.sbatch)
    commands = real_site.profile.system.commands.model_copy(update={"sbatch": str(shim.path)})
    system = real_site.profile.system.model_copy(update={"commands": commands})
    facts = real_site.profile.as_user
    if facts:
        environment = {"PATH": os.environ["PATH"], "SLURM_CONF": system.slurm_conf}
        helper = install_helper(folder / "libexec", facts.group, environment, commands.model_dump())
        facts = facts.model_copy(update={"helper": (str(helper),)})
    profile = real_site.profile.model_copy(update={"as_user": facts, "systems": {"tests": system}})
    yield Slurm(system, acting(profile)), shim


async def test_a_job_whose_confirmation_was_lost_is_found_by_its_nonce(
    lossy: tuple[Slurm, CommandShim], real_site: RealSite
) -> None:
    """Slurm took it, sbatch said "Socket timed out": exactly one job carries the nonce."""
    slurm, shim = lossy
    shim.lose_answer(b"sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n")
    name = f"bs-{secrets.token_hex(4)}"
    with pytest.raises(Unreachable, match="nonce"):
        await submit(slurm, real_site, name)
    found = await slurm.find_by_nonce(real_site.ana, name)
    for job in found:
        await slurm.cancel(job.id, user=real_site.ana)

    assert [name] == [job.name for job in found]


@pytest.fixture
async def parts(real_site: RealSite, tmp_path: Path) -> AsyncIterator[Parts]:
    """The service at work over the real Slurm."""
    async with running(real_site.profile, tmp_path / "state") as parts:
        await parts.facts.associations.known()
        await parts.facts.reservations.known()
        yield parts


@asynccontextmanager
async def speaking(parts: Parts, user: str) -> AsyncIterator[FacilityClient]:
    """A client in this process, with a token of that person's."""

    async def token() -> str:
        return token_for(parts, user)

    transport = httpx.ASGITransport(create_app(parts))
    async with FacilityClient("http://facility", token, transport=transport) as client:
        yield client


async def test_the_service_tells_what_ana_may_use(parts: Parts, real_site: RealSite) -> None:
    """Her reservations, the active one first; those of others are not there."""
    async with speaking(parts, real_site.ana) as client:
        identity, found = await client.me(), await client.reservations()
        offer = await OfferSource(client).offer(real_site.ana)

    assert (real_site.ana, False) == (identity.user, identity.is_operator)
    assert found.reservations[0].is_active(datetime.now(UTC))
    assert all(reservation.admits for reservation in found.reservations)
    assert ((), "ncem") == (offer.problems, offer.accounts[0])


async def test_a_job_seen_by_the_poller_is_cancelled_by_its_owner(
    parts: Parts, slurm_: Slurm, real_site: RealSite
) -> None:
    """A hint brings it into the snapshot; DELETE ends it as its owner."""
    job_id = await submit(slurm_, real_site, f"bs-{secrets.token_hex(4)}")
    async with speaking(parts, real_site.ana) as client, asyncio.timeout(60):
        await client.hint(job_id)
        await until(lambda: parts.ledger.job(job_id) is not None)
        assert job_id in {job.id for job in (await client.jobs()).jobs}
        await client.cancel(job_id)
        while not (await client.job(job_id)).state.is_final:
            await client.hint(job_id)
            await asyncio.sleep(0.3)


@pytest.mark.needs_root
async def test_one_person_neither_sees_nor_ends_anothers_job(parts: Parts, slurm_: Slurm, real_site: RealSite) -> None:
    """Through the service it reads as none; through Slurm it is refused."""
    job_id = await submit(slurm_, real_site, f"bs-{secrets.token_hex(4)}")
    async with speaking(parts, real_site.ben) as client:
        with pytest.raises(NotFound):
            await client.cancel(job_id)
    with pytest.raises(NotAllowed, match="belongs to somebody else"):
        await slurm_.cancel(job_id, user=real_site.ben)
    await slurm_.cancel(job_id, user=real_site.ana)


@pytest.mark.needs_root
async def test_an_operator_of_slurm_is_an_operator_here(parts: Parts, real_site: RealSite) -> None:
    """The site's own authorization counts; she sees the reservations of others with the reason."""
    async with speaking(parts, real_site.kim) as client:
        identity, found = await client.me(), await client.reservations(real_site.ana, all_of_them=True)

    assert identity.is_operator
    assert any(reservation.why_not for reservation in found.reservations)


async def test_a_secret_and_a_log_reach_the_person_alone(slurm_: Slurm, act: Acting, real_site: RealSite) -> None:
    """Claim and log lie where hub, helper and job all look for them; the claim before its job is handed in."""
    path = claim_path(pwd.getpwnam(real_site.ana).pw_dir, "test-claim")
    job_id = await submit(slurm_.by(act.with_claim("test-claim", b"secret")), real_site, "claimed")
    await slurm_.cancel(job_id, user=real_site.ana)

    assert (b"secret", 0o600) == (path.read_bytes(), path.stat().st_mode & 0o777)
    with pytest.raises(NotFound):
        await act.tail_log(real_site.ana, "no-such.log")
    path.unlink()


@pytest.mark.parametrize("fault", ["error", "empty", "garbage", "hang", "cut"])
async def test_no_fault_of_squeue_loses_a_running_job(
    slurm_: Slurm, real_site: RealSite, act: Acting, fault: str
) -> None:
    """Three looks through a faulty squeue, and the job of the real Slurm is still there, and seen again afterwards."""
    shim = CommandShim(real_site.folder / f"squeue-{fault}", real_site.profile.system.commands.squeue)
    commands = real_site.profile.system.commands.model_copy(update={"squeue": str(shim.path)})
    system = real_site.profile.system.model_copy(update={"commands": commands})
    clock, ledger = SystemClock(), Ledger()
    budget = Budget(clock, rate=1e6, credit=1e6)
    poller = Poller(Slurm(system, act, timeout=0.5), ledger, Broadcast(ledger), budget, clock)
    job_id = await submit(slurm_, real_site, f"bs-{secrets.token_hex(4)}")
    await poller.poll()
    faults: dict[str, Callable[[], None]] = {
        "error": lambda: shim.answer(stderr=b"slurm_load_jobs error: Some new words", returncode=1),
        "empty": shim.answer,
        "garbage": lambda: shim.answer(b"\x00\xff" * 500),
        "hang": shim.hang,
        "cut": lambda: shim.cut(200),
    }
    faults[fault]()
    for _ in range(3):
        with suppress(FacilityError):
            await poller.poll()
    kept = ledger.job(job_id)
    shim.pass_through()
    await poller.poll()
    await slurm_.cancel(job_id, user=real_site.ana)

    assert (False, False) == (kept.state.is_final, ledger.job(job_id).state.is_final)
