"""Every provider gives the same answers about one real Slurm."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from beamside.demo.slurm.accounts import NCEM_HOURS
from beamside.demo.slurm.cluster import SlurmCluster
from facility.as_user import acting
from facility.errors import NotAllowed, NotFound, NotOffered, SubmitRefused
from facility.models import Entitlement, Job, JobRequest, JobState
from facility.profile import Profile
from facility.providers import Ability, Batch, Provider
from facility.providers.iri import Iri
from facility.providers.sfapi import SfApi
from facility.providers.slurm import Slurm, SlurmProvider
from facility.providers.slurmrestd import SlurmRestd
from tests.facility.at_work import at_work
from tests.facility.conftest import RealSite, install_helper

pytestmark = [pytest.mark.slurm, pytest.mark.asyncio(loop_scope="module")]  # each service is started once

SCRIPT = b"#!/bin/sh\nsleep 600\n"


class Way:
    """One kind of provider: gives it as anybody has it."""

    def __init__(self, name: str, of: Callable[[str], Awaitable[Provider]]) -> None:
        self.name = name
        self._of = of

    @asynccontextmanager
    async def of(self, user: str) -> AsyncIterator[Provider]:
        """The provider as `user` has it."""
        provider = await self._of(user)
        try:
            yield provider
        finally:
            await provider.aclose()


def slurm_provider(site: RealSite, user: str) -> Provider:
    """Slurm's commands, through the root helper where there is one."""
    return SlurmProvider(Slurm(site.profile.system, acting(site.profile)), user)


@asynccontextmanager
async def slurm_way(site: RealSite, slurm: SlurmCluster, folder: Path) -> AsyncIterator[Callable[..., object]]:
    """The reference."""

    async def of(user: str) -> Provider:
        return slurm_provider(site, user)

    yield of


@asynccontextmanager
async def slurmrestd_way(site: RealSite, slurm: SlurmCluster, folder: Path) -> AsyncIterator[Callable[..., object]]:
    """The real slurmrestd, with tokens that Slurm made for each user."""

    async def of(user: str) -> Provider:
        told = slurm.run("scontrol", "token", f"username={user}", "lifespan=600").strip()

        async def token() -> str:
            return told.removeprefix("SLURM_JWT=")

        return SlurmRestd(f"http://127.0.0.1:{slurm.status().ports['slurmrestd']}", user, token)

    yield of


@asynccontextmanager
async def sfapi_way(
    site: RealSite, slurm: SlurmCluster, folder: Path, *, commands: bool = False
) -> AsyncIterator[Callable[..., object]]:
    """A Superfacility API, which is our own; with keys of each user, and with its command endpoint or without."""
    profile = with_commands(site) if commands else site.profile
    async with at_work(profile, folder) as service:

        async def of(user: str) -> Provider:
            token = await service.token(user)
            system = profile.system if commands else None
            return SfApi(f"{service.url}/api/v1.2", "tests", token, system=system, zone=ZoneInfo("localtime"))

        yield of


@asynccontextmanager
async def iri_way(site: RealSite, slurm: SlurmCluster, folder: Path) -> AsyncIterator[Callable[..., object]]:
    """An IRI Facility API, which is our own, with keys of each user."""
    async with at_work(site.profile, folder) as service:

        async def of(user: str) -> Provider:
            return Iri(f"{service.url}/iri/api/v2", "tests", user, await service.token(user))

        yield of


def with_commands(site: RealSite) -> Profile:
    """The site, where people may run their own shell through the service."""
    update: dict[str, object] = {
        "service": site.profile.service.model_copy(update={"scopes": (*site.profile.service.scopes, "commands")})
    }
    facts = site.profile.as_user
    if facts:
        folder = site.folder / secrets.token_hex(4)
        environment = {"PATH": os.environ["PATH"], "SLURM_CONF": site.profile.system.slurm_conf}
        commands = site.profile.system.commands.model_dump()
        helper = install_helper(folder, facts.group, environment, commands, shell=True)
        update["as_user"] = facts.model_copy(update={"helper": (str(helper),)})
    return site.profile.model_copy(update=update)


WAYS = {
    "slurm": slurm_way,
    "slurmrestd": slurmrestd_way,
    "sfapi": sfapi_way,
    "sfapi with commands": partial(sfapi_way, commands=True),
    "iri": iri_way,
}

LACKS = {
    "slurmrestd": {Ability.ME, Ability.ESTIMATE},
    "sfapi": {Ability.QOS, Ability.PARTITIONS, Ability.RESERVATIONS, Ability.ESTIMATE},
    "sfapi with commands": {Ability.ESTIMATE},
    "iri": {Ability.ME, Ability.QOS, Ability.PARTITIONS, Ability.RESERVATIONS, Ability.ESTIMATE},
}
"""What some of them cannot answer at all. Images are no scheduler's: catalogues tell them."""


@pytest_asyncio.fixture(params=WAYS, scope="module", loop_scope="module")
async def way(
    request: pytest.FixtureRequest, real_site: RealSite, slurm: SlurmCluster, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Way]:
    """Each kind of provider in turn."""
    async with WAYS[request.param](real_site, slurm, tmp_path_factory.mktemp("way")) as of:
        yield Way(request.param, of)


@pytest_asyncio.fixture(loop_scope="module")
async def provider(way: Way, real_site: RealSite) -> AsyncIterator[Provider]:
    """ana's provider."""
    async with way.of(real_site.ana) as provider:
        yield provider


@pytest.fixture
def reference(real_site: RealSite) -> Provider:
    """What Slurm's own commands tell ana."""
    return slurm_provider(real_site, real_site.ana)


def batch(user: str, name: str) -> Batch:
    """A job that waits to be cancelled."""
    home = pwd.getpwnam(user).pw_dir
    return Batch(SCRIPT, name, directory=home, output="/dev/null", comment=f"beamside {name}")


def ask(**different: str) -> JobRequest:
    """What the tests submit: one node of the free part, for five minutes."""
    facts = {"account": "ncem", "qos": "debug", "partition": "main"} | different
    return JobRequest(**facts, walltime=timedelta(minutes=5))


def settled(job: Job, provider: Provider) -> dict[str, object]:
    """What does not change while a job is alive, as far as this provider tells it."""
    facts = {name: getattr(job, name) for name in ("id", "user", "name", "submitted")}
    if not provider.can().why_not(Ability.JOB):
        facts |= {name: getattr(job, name) for name in ("account", "qos", "partition", "reservation", "comment")}
    return facts


async def until_final(provider: Provider, job_id: str) -> Job:
    """Wait for a job's end."""
    async with asyncio.timeout(60):
        while True:
            found = await provider.job(job_id)
            if found and found.state.is_final:
                return found
            await asyncio.sleep(0.3)


def can_answer(ability: Ability) -> pytest.MarkDecorator:
    """Only the kinds of provider that can: what LACKS says of the others, a test holds against their own words."""
    able = [name for name in WAYS if ability not in LACKS.get(name, set())]
    return pytest.mark.parametrize("way", able, indirect=True, scope="module")


async def test_what_is_missing_is_refused_with_the_reason(way: Way, provider: Provider) -> None:
    """A question that `can` calls missing never gives an empty answer."""
    can = provider.can()

    assert LACKS.get(way.name, set()) | {Ability.IMAGES} == set(can.missing)
    for ability in can.missing:
        about = (ask(),) if ability is Ability.ESTIMATE else ()
        with pytest.raises(NotOffered) as refusal:
            await getattr(provider, ability)(*about)
        assert can.missing[ability] in str(refusal.value)


@can_answer(Ability.ME)
async def test_the_person_is_named(provider: Provider, real_site: RealSite) -> None:
    """With the local account's number."""
    me = await provider.me()

    assert (real_site.ana, pwd.getpwnam(real_site.ana).pw_uid) == (me.user, me.uid)


async def test_accounts_come_with_the_default_one_first(
    provider: Provider, reference: Provider, real_site: RealSite
) -> None:
    """ana charges ncem by default, and als; with QOS, or the provider says that they are missing."""
    can = provider.can()

    found = await provider.entitlements()

    assert {"ncem", "als"} == {entitlement.account for entitlement in found}
    if not can.why_not(Ability.ENTITLEMENTS):
        told = await reference.entitlements()
        assert [without_balance(one) for one in told] == [without_balance(one) for one in found]
        assert ("ncem", True) == (found[0].account, found[0].is_default)
        assert found[0].balance_hours is None or 0 < found[0].balance_hours <= NCEM_HOURS


def without_balance(entitlement: Entitlement) -> Entitlement:
    """What every provider tells of an account; what is left of it falls while jobs run, and not all tell it."""
    return replace(entitlement, qos=tuple(sorted(entitlement.qos)), balance_hours=None, billing_hours_left=None)


@can_answer(Ability.QOS)
async def test_qos_have_their_limits(provider: Provider, reference: Provider) -> None:
    """The realtime QOS: four hours, four nodes, twenty submissions, before all others; and the rest as Slurm says."""
    found = {quality.name: quality for quality in await provider.qos()}

    realtime = found["realtime"]
    assert (timedelta(hours=4), 4, 20) == (realtime.max_walltime, realtime.max_nodes, realtime.max_submits_per_user)
    assert {quality.name: quality for quality in await reference.qos()} == found


@can_answer(Ability.PARTITIONS)
async def test_partitions_tell_their_nodes(provider: Provider, reference: Provider) -> None:
    """Eight nodes of sixteen CPUs, four GPUs in the largest, and how many of them are idle."""
    can = provider.can()

    found = {partition.name: partition for partition in await provider.partitions()}

    assert found["main"].is_up
    if not can.why_not(Ability.PARTITIONS):
        assert {one.name: replace(one, idle_nodes=0) for one in await reference.partitions()} == {
            one.name: replace(one, idle_nodes=0) for one in found.values()
        }
        assert 0 < found["main"].idle_nodes <= found["main"].nodes


@can_answer(Ability.RESERVATIONS)
async def test_reservations_tell_whom_they_admit(provider: Provider, reference: Provider) -> None:
    """The same records as Slurm's own commands give."""
    found = {reservation.name: reservation for reservation in await provider.reservations()}

    assert {reservation.name: reservation for reservation in await reference.reservations()} == found
    assert found["ncem-tonight"].accounts


@can_answer(Ability.ESTIMATE)
async def test_a_start_is_told_before_anything_is_submitted(provider: Provider) -> None:
    """With its nodes; for a reservation to come its begin; what is refused, in the scheduler's words."""
    before = {job.id for job in await provider.jobs()}
    now, later = await provider.estimate(ask()), await provider.estimate(ask(reservation="ana-tomorrow"))
    begins = next(one.starts for one in await provider.reservations() if one.name == "ana-tomorrow")
    with pytest.raises(SubmitRefused, match="Invalid account"):
        await provider.estimate(ask(account="nosuch"))

    assert now.starts and now.nodes.startswith("nid")
    assert (begins, "main") == (later.starts, later.partition)
    assert {job.id for job in await provider.jobs()} <= before


async def test_a_job_goes_from_submission_to_its_end(
    provider: Provider, reference: Provider, real_site: RealSite
) -> None:
    """Submitted, listed, found by its nonce, cancelled, and told as cancelled; cancelling twice is no error."""
    name = f"bs-{secrets.token_hex(6)}"

    job_id = await provider.submit(ask(), batch(real_site.ana, name))
    held = await provider.job(job_id)
    listed = await provider.jobs()
    found = await provider.find_by_nonce(name)
    told = await reference.job(job_id)
    await provider.cancel(job_id)
    ended = await until_final(provider, job_id)
    await provider.cancel(job_id)

    assert held and told and settled(told, provider) == settled(held, provider)
    assert (real_site.ana, name) == (held.user, held.name)
    assert (True, [job_id]) == (job_id in {job.id for job in listed}, [job.id for job in found])
    assert JobState.CANCELLED is ended.state


async def test_a_refused_job_tells_the_schedulers_words(provider: Provider, real_site: RealSite) -> None:
    """An account that does not exist."""
    with pytest.raises(SubmitRefused, match="Invalid account"):
        await provider.submit(ask(account="nosuch"), batch(real_site.ana, "bs-refused"))


async def test_an_id_that_does_not_exist_is_none(provider: Provider) -> None:
    """A positive answer, not a failure."""
    assert await provider.job("4000000") is None


@pytest.mark.needs_root
async def test_nobody_ends_anothers_job(way: Way, provider: Provider, real_site: RealSite) -> None:
    """ben's provider is refused, or does not even see it, and the job of ana runs on."""
    job_id = await provider.submit(ask(), batch(real_site.ana, f"bs-{secrets.token_hex(4)}"))
    async with way.of(real_site.ben) as other:
        with pytest.raises((NotAllowed, NotFound)):
            await other.cancel(job_id)
    kept = await provider.job(job_id)
    await provider.cancel(job_id)

    assert kept and not kept.state.is_final


async def test_a_chosen_size_reaches_the_scheduler(
    provider: Provider, reference: Provider, real_site: RealSite
) -> None:
    """Two nodes of one reservation, in the realtime QOS, for one hour."""
    wish = replace(ask(qos="realtime", reservation="ncem-tonight"), nodes=2, walltime=timedelta(hours=1))

    job_id = await provider.submit(wish, batch(real_site.ana, f"bs-{secrets.token_hex(4)}"))
    async with asyncio.timeout(30):
        while (job := await reference.job(job_id)) is None or job.state.is_waiting:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.2)
    await provider.cancel(job_id)

    assert (2, "ncem-tonight", "realtime") == (job.node_count, job.reservation, job.qos)
    assert job.ends and job.starts and timedelta(hours=1) == job.ends - job.starts
