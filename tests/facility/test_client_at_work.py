"""FacilityClient against the whole service over the real Slurm: a person's jobs and files, by a key of theirs."""

from __future__ import annotations

import asyncio
import grp
import pwd
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from facility.client import FacilityClient, JobScript
from facility.errors import NotAllowed, NotFound, Refused, SubmitRefused
from facility.models import Job

from .at_work import AtWork, at_work
from .conftest import RealSite

pytestmark = pytest.mark.slurm


@pytest.fixture
async def service(real_site: RealSite, tmp_path: Path) -> AsyncIterator[AtWork]:
    """The facility at work."""
    async with at_work(real_site.profile, tmp_path) as service:
        yield service


@pytest.fixture
async def client(service: AtWork, real_site: RealSite) -> AsyncIterator[FacilityClient]:
    """ana's client."""
    async with await service.client(real_site.ana) as client:
        yield client


def script(text: str, output: str = "/dev/null") -> JobScript:
    """A job of one node for five minutes."""
    name = f"bs-{secrets.token_hex(4)}"
    return JobScript(
        f"#!/bin/sh\n{text}\n", account="ncem", qos="debug", walltime=timedelta(minutes=5), output=output, name=name
    )


async def until_final(client: FacilityClient, job_id: str) -> Job:
    """Wait for a job's end."""
    async with asyncio.timeout(60):
        while not (job := await client.job(job_id)).state.is_final:
            await client.hint(job_id)
            await asyncio.sleep(0.3)
    return job


async def test_a_script_is_submitted_once_and_its_output_read(client: FacilityClient, real_site: RealSite) -> None:
    """The same key again is the same job; arguments arrive; the log is read where the job wrote it."""
    home = pwd.getpwnam(real_site.ana).pw_dir
    new = script('echo "hello $1"', f"{home}/out.log")
    key = secrets.token_hex(8)

    job_id = await client.submit(new, key)
    again = await client.submit(new, key)
    ended = await until_final(client, job_id)

    assert (job_id, "0:0") == (again, ended.exit_code)
    assert b"hello \n" == await client.read(f"{home}/out.log")
    assert b"lo \n" == await client.read("~/out.log", offset=3)
    assert b"" == await client.read("~/out.log", offset=7)


async def test_a_script_of_ones_own_is_submitted_by_its_path(client: FacilityClient) -> None:
    """Written through the files, read as its owner."""
    await client.write("~/job ü?.sh", b"#!/bin/sh\n#SBATCH --account=ncem --qos=debug --time=5\nexit 3\n")
    job_id = await client.submit(JobScript(path="~/job ü?.sh", output="/dev/null"))

    assert "3:0" == (await until_final(client, job_id)).exit_code


async def test_a_held_job_waits_until_it_is_released(client: FacilityClient) -> None:
    """In the scheduler, not here. Who runs Slurm administers it: alone on a machine the hold reads as theirs."""
    future = script("sleep 100")
    job_id = await client.submit(JobScript(**{**future.__dict__, "reservation": "ana-tomorrow"}))
    await client.hold(job_id)
    await client.hint(job_id)
    async with asyncio.timeout(30):
        while (await client.job(job_id)).reason not in {"JobHeldUser", "JobHeldAdmin"}:
            await asyncio.sleep(0.3)
            await client.hint(job_id)
    await client.release(job_id)
    await client.cancel(job_id)

    assert "CANCELLED" == (await until_final(client, job_id)).state


async def test_a_refused_script_tells_the_schedulers_words(client: FacilityClient) -> None:
    """The work that ended is asked for its error."""
    new = script("true")
    with pytest.raises(SubmitRefused, match="Invalid account"):
        await client.submit(JobScript(**{**new.__dict__, "account": "nosuch"}))
    with pytest.raises(Refused, match="#!"):
        await client.submit(JobScript(script="echo no shebang"))


async def test_files_are_listed_written_and_removed(client: FacilityClient) -> None:
    """Whole or not at all, and never over one that must stay."""
    place = f"~/{secrets.token_hex(4)}"
    await client.make_directory(place)
    written = await client.write(f"{place}/data", b"x" * 100_000)
    with pytest.raises(Refused):
        await client.write(f"{place}/data", b"y", overwrite=False)
    async with client.download(f"{place}/data") as pieces:
        read = b"".join([piece async for piece in pieces])
    listed = await client.ls(place)
    await client.copy(f"{place}/data", f"{place}/copy")
    same = await client.checksum(f"{place}/data") == await client.checksum(f"{place}/copy")
    await client.remove(place, recursive=True)

    assert (100_000, b"x" * 100_000, ["data"], True) == (written.size, read, [entry.name for entry in listed], same)
    with pytest.raises(NotFound, match="No such file"):
        await client.stat(place)


async def test_files_are_linked_closed_packed_and_unpacked(client: FacilityClient) -> None:
    """Each act as the command of that name does it, and the entry that is there then comes back."""
    place = f"~/{secrets.token_hex(4)}"
    await client.make_directory(f"{place}/in", parents=True)
    await client.write(f"{place}/in/text", b"one\ntwo\nthree\n")
    closed = await client.chmod(f"{place}/in/text", 0o600)
    group = grp.getgrgid((await client.stat(f"{place}/in/text")).gid).gr_name
    given = await client.chown(f"{place}/in/text", group)
    link = await client.symlink(f"{place}/link", "in/text")
    ends = (await client.head(f"{place}/link", 1), await client.tail(f"{place}/link", 1))
    kind = await client.file_type(f"{place}/in/text")
    await client.compress(f"{place}/in", f"{place}/in.tar.xz", "xz")
    await client.extract(f"{place}/in.tar.xz", f"{place}/out")
    unpacked = [entry.name for entry in await client.ls(f"{place}/out", recursive=True)]
    await client.remove(place, recursive=True)

    assert ("-rw-------", group, "in/text") == (closed.perms, given.group, link.target)
    assert ((b"one\n", b"three\n"), True) == (ends, "text" in kind.lower())
    assert any(name.endswith("text") for name in unpacked)


async def test_a_callback_is_made_looked_at_and_forgotten(client: FacilityClient) -> None:
    """Its secret is told once, and a new one once more. Nothing is ever sent to its address here."""
    made = await client.subscribe("https://1.1.1.1/hook", ["transfer.failed"])
    kept = await client.subscription(made.id)
    again = await client.replace_secret(made.id)
    await client.unsubscribe(made.id)

    assert (made.url, "", ("transfer.failed",)) == (kept.url, kept.secret, kept.events)
    assert made.secret != again.secret
    with pytest.raises(NotFound):
        await client.subscription(made.id)


async def test_a_calendar_is_shared_by_an_address_until_that_ends(client: FacilityClient) -> None:
    """Programs that can send no token read it there."""
    shared = await client.share_calendar()
    listed = await client.calendar_feeds()
    calendar = await client.calendar()
    async with httpx.AsyncClient() as anybody:
        read = await anybody.get(shared.url)
        await client.end_calendar_feed(shared.id)
        ended = await anybody.get(shared.url)

    assert [shared.id] == [feed.id for feed in listed]
    assert calendar.startswith(b"BEGIN:VCALENDAR")
    assert (200, 401) == (read.status_code, ended.status_code)
    assert b"ana-tomorrow" in read.content


@pytest.mark.needs_root
async def test_operators_announce_link_and_part(service: AtWork, real_site: RealSite) -> None:
    """What kim, who is staff, says; ana reads it and cannot take it back."""
    async with await service.client(real_site.kim) as kim, await service.client(real_site.ana) as ana:
        outage = await kim.announce_outage("a power cut", state="degraded")
        note = await kim.post_note("slow today")
        seen = ([one.id for one in await ana.outages()], [one.text for one in await ana.notes()])
        board = await ana.board()
        with pytest.raises(NotAllowed):
            await ana.remove_note(note.id)
        await kim.remove_note(note.id)
        over = await kim.end_outage(outage.id)
        system = await ana.resource((await ana.resources())[0].name)
        await kim.add_link("https://idp.example.org", "sub-1", real_site.ana)
        await ana.remove_link("https://idp.example.org", "sub-1")
        parted = await kim.link("https://idp.example.org", "sub-1")
        with pytest.raises(NotAllowed):
            await ana.waiting_links()

        assert (outage.id in seen[0], seen[1], parted) == (True, ["slow today"], None)
        assert seen == ([one.id for one in board.outages], [one.text for one in board.notes])
        assert (await kim.waiting_links(), over.ends is not None, bool(system.name)) == ((), True, True)


@pytest.mark.needs_root
async def test_ones_work_is_ones_own(client: FacilityClient, service: AtWork, real_site: RealSite) -> None:
    """Somebody else neither sees nor ends it."""
    job_id = await client.submit(script("true"))
    work = (await client.works())[0]
    async with await service.client(real_site.ben) as other:
        with pytest.raises(NotFound):
            await other.work(work.id)
        assert work.id not in {one.id for one in await other.works()}

    assert (job_id, "completed") == (work.result["jobid"], work.state)
