"""The verbs against the facility at work: what people and programs get to see."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beamside.command import main
from facility.bookings import BookingState
from facility.client import FacilityClient
from facility.profile import Profile
from facility.rclone_program import find_rclone
from facility.testing import free_port
from tests.beamside.conftest import Desk
from tests.facility.conftest import RealSite, install_helper

pytestmark = pytest.mark.slurm


@pytest.fixture
def profile(real_site: RealSite) -> Profile:
    """The real site with two tiers in ana's home, an rclone, and callbacks that may go to this machine."""
    home, rclone = pwd.getpwnam(real_site.ana).pw_dir, find_rclone("rclone")
    facts = real_site.profile.model_dump(exclude_none=True)
    places = {"scratch": "verbs-scratch", "archive": "verbs-archive"}  # nobody else's: other tests have tiers there too
    facts["tiers"] = {name: {"path": f"{home}/{place}", "title": f"Our {name}"} for name, place in places.items()}
    facts["service"] |= {"rclone": rclone, "callbacks": {"http": True, "allowed": ["127.0.0.1/32"]}}
    if real_site.profile.as_user:
        system = real_site.profile.system
        environment = {"PATH": os.environ["PATH"], "SLURM_CONF": system.slurm_conf}
        folder, commands = real_site.folder / secrets.token_hex(4), {**system.commands.model_dump(), "rclone": rclone}
        helper = install_helper(folder, real_site.profile.as_user.group, environment, commands)
        facts["as_user"]["helper"] = (str(helper),)
    return Profile.model_validate(facts)


async def test_one_learns_who_one_is_and_what_one_may_use(desk: Desk) -> None:
    """Tables for people, JSON for programs, with the same key."""
    me = json.loads((await desk.run("whoami", "--json")).out)
    whoami, accounts = await desk.run("whoami"), await desk.run("accounts")
    reservations, health = await desk.run("reservations"), await desk.run("health")

    assert (desk.site.ana, 0) == (me["user"], whoami.status)
    assert desk.site.ana in whoami.out
    assert all(word in accounts.out for word in ("ncem", "realtime", "idle nodes"))
    assert ("ncem-tonight" in reservations.out, "staff-now" in reservations.out) == (True, False)
    assert (0, "") == (health.status, health.err)


async def test_one_learns_how_the_facility_is(desk: Desk) -> None:
    """Without a key: the system, its partitions, the queue, outages and what operators say."""
    async with await desk.service.client(desk.site.ana) as client:
        [system] = [one for one in await client.resources() if one.kind == "system"]
    status, later = desk.service.parts.status, datetime.now(UTC) + timedelta(days=2)
    outage = await status.post_outage("kim", system.name, later, later + timedelta(hours=4), "new cooling pumps")
    note = await status.post_note("kim", system.name, "scratch is slow today", None)
    told, said = json.loads((await desk.run("health", "--json")).out), await desk.run("health")
    await status.end_outage("kim", outage.id)
    await status.remove_note("kim", note.id)

    assert ({"health", "resources", "outages", "notes"}, True) == (set(told), told["health"]["ok"])
    assert (0, True) == (said.status, outage.id in {one["id"] for one in told["outages"]})
    assert all(words in said.out for words in (system.title, "partition", "new cooling pumps", "scratch is slow today"))


async def test_inside_a_lab_server_no_key_is_needed(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hub hands out a token for the server's own."""
    token, asked = await (await desk.service.token(desk.site.ana))(), list[bytes]()

    async def hub(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        body = json.dumps({"access_token": token}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(hub, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.delenv("BEAMSIDE_KEY", raising=False)
        given = {"JUPYTERHUB_API_URL": f"http://127.0.0.1:{port}/hub/api", "JUPYTERHUB_API_TOKEN": "of-the-server"}
        for name, value in (given | {"BEAMSIDE_URL": desk.service.url, "HOME": str(tmp_path)}).items():
            monkeypatch.setenv(name, value)
        status = await asyncio.to_thread(main, ["whoami", "--json"])

    assert (0, desk.site.ana) == (status, json.loads(capsys.readouterr().out)["user"])
    assert asked[0].startswith(b"GET /hub/api/beamside/token ") and b"token of-the-server" in asked[0]


async def test_a_reservation_is_asked_for_and_withdrawn(desk: Desk) -> None:
    """It waits for the staff; what fits inside one is told in words."""
    later = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%dT%H:%M+00:00}"
    words = ("--starts", later, "--lasts=4h", "--nodes=2", "--purpose=beam time", "--account=ncem", "--json")
    made = json.loads((await desk.run("reservations", "request", *words)).out)
    listed = await desk.run("reservations", "requests")
    fits = await desk.run("reservations", "fit", "ncem-tonight", "--nodes=4", "--walltime=2h")
    never = await desk.run("reservations", "fit", "ncem-tonight", "--nodes=400", "--walltime=2h")
    released = await desk.run("reservations", "release", made["id"])

    assert ("asked", True, 0) == (made["state"], made["id"] in listed.out, released.status)
    assert (0, True, 1) == (fits.status, "fits until" in fits.out, never.status)


@pytest.mark.needs_root
async def test_the_staff_decides_about_a_reservation(desk: Desk) -> None:
    """Nobody else does; what was granted can be changed, and is given back."""
    later = f"{datetime.now(UTC) + timedelta(days=12):%Y-%m-%dT%H:%M+00:00}"
    words = ("--starts", later, "--lasts=4h", "--nodes=2", "--purpose=beam time", "--account=ncem", "--json")
    ids = [json.loads((await desk.run("reservations", "request", *words)).out)["id"] for _ in range(2)]
    denied = await desk.run("reservations", "approve", ids[0])
    waiting = await desk.run("reservations", "requests", "--all", user=desk.site.kim)
    refused = await desk.run("reservations", "refuse", ids[1], "--word=the hall is closed", user=desk.site.kim)
    granted = await desk.run("reservations", "approve", ids[0], user=desk.site.kim)
    async with await desk.service.client(desk.site.ana) as client:
        await wait_for(client, ids[0], BookingState.MADE)
        changed = await desk.run("reservations", "change", ids[0], "--nodes=1", "--json")
        await wait_for(client, ids[0], BookingState.MADE)
        released = await desk.run("reservations", "release", ids[0])
        await wait_for(client, ids[0], BookingState.RELEASED)
    mine = await desk.run("reservations", "requests")

    assert (3, 0, 0, 0) == (denied.status, refused.status, granted.status, released.status)
    assert all(id_ in waiting.out for id_ in ids) and desk.site.ana in waiting.out
    assert (0, 1) == (changed.status, json.loads(changed.out)["change"]["nodes"])
    assert "the hall is closed" in mine.out


async def wait_for(client: FacilityClient, request_id: str, state: BookingState) -> None:
    """Wait until a request is so, and nothing is to be changed."""
    async with asyncio.timeout(60):
        while True:
            found = await client.reservation_request(request_id)
            if found.state is state and found.change is None:
                return
            await asyncio.sleep(0.2)


async def test_data_are_brought_from_one_tier_to_another(desk: Desk) -> None:
    """Followed to the end, verified; a source that is not there fails with the reason."""
    async with await desk.service.client(desk.site.ana) as client:
        for tier in await client.tiers():
            await client.make_directory(tier.path)
        await client.write("~/verbs-scratch/run7", b"x" * 1000)
        done = await desk.run("transfer", "start", "scratch:run7", "archive:run7", "--label=night")
        failed = await desk.run("transfer", "start", "scratch:nothing", "archive:nothing", "--json")
        listed, tiers = await desk.run("transfer"), await desk.run("transfer", "tiers")

        assert 0 == done.status, done.out + done.err
        assert b"x" * 1000 == await client.read("~/verbs-archive/run7")
        await client.remove("~/verbs-archive", recursive=True)
        await client.remove("~/verbs-scratch", recursive=True)
    assert (0, True, True) == (done.status, "SUCCEEDED" in done.out, "1000 bytes" in done.out)
    assert (1, "FAILED") == (failed.status, json.loads(failed.out)["state"])
    assert ("SUCCEEDED" in listed.out, "Our archive" in tiers.out) == (True, True)


async def test_somebody_is_called_back_and_sees_how_it_went(desk: Desk) -> None:
    """The secret is told once; an address inside the site is refused."""
    here = f"http://127.0.0.1:{free_port()}/hook"
    added = await desk.run("callbacks", "add", here, "--event=job.*", "--json")
    assert 0 == added.status, added.err
    made = json.loads(added.out)
    refused = await desk.run("callbacks", "add", "https://10.0.0.1/hook")
    listed = await desk.run("callbacks")
    await desk.run("callbacks", "ping", made["id"])
    log = await desk.run("callbacks", "log", made["id"])
    removed = await desk.run("callbacks", "remove", made["id"])

    assert made["secret"].startswith("whsec_") and made["secret"] not in listed.out
    assert (1, 1) == (refused.status, refused.err.count("\n"))
    assert ("callback.ping" in log.out, removed.status) == (True, 0)
