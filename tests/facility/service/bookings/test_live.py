"""A reservation from the asking to the release, over the real Slurm, each step as who takes it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from facility.as_user import acting
from facility.errors import NotAllowed
from facility.models import Reservation
from facility.profile import Profile
from facility.providers.slurm import Slurm
from facility.service.app import create_app
from facility.service.as_user.worker.run import VERBS
from facility.service.parts import Parts
from facility.service.running import running
from facility.testing import until
from facility.testing.tokens import token_for
from tests.conftest import RunAs
from tests.facility.conftest import RealSite, install_helper

pytestmark = pytest.mark.slurm


@dataclass
class Desk:
    """The service, and people who ask it."""

    parts: Parts
    http: httpx.AsyncClient
    site: RealSite

    async def ask(self, user: str, verb: str, path: str, body: object = None) -> tuple[int, Any]:
        """One request as somebody."""
        headers = {"Authorization": f"Bearer {token_for(self.parts, user)}"}
        answer = await self.http.request(verb, f"/reservations{path}", json=body, headers=headers)
        return answer.status_code, answer.json()

    async def wait(self, id_: str, **wanted: object) -> dict[str, Any]:
        """The request as its owner sees it, as soon as it is as wanted."""
        found: dict[str, Any] = {}

        def so() -> bool:
            found.update(encoded(self.parts, id_))
            return all(found[key] == value for key, value in wanted.items())

        await until(so, 30)
        return found


def encoded(parts: Parts, id_: str) -> dict[str, Any]:
    """A request as it is stored."""
    booking = parts.bookings.store.get(id_, "", datetime.now(UTC))
    problem = booking.change.problem if booking.change else None
    return {"state": str(booking.state), "problem": problem, "change": booking.change, "word": booking.word}


@pytest.fixture(scope="module")
def profile(real_site: RealSite) -> Profile:
    """The real site, with a helper that wants a grant for everything."""
    if not real_site.profile.as_user:
        return real_site.profile
    folder, commands = real_site.folder / "bookings", real_site.profile.system.commands.model_dump()
    environment = {"PATH": os.environ["PATH"], "SLURM_CONF": real_site.profile.system.slurm_conf}
    helper = install_helper(
        folder, real_site.profile.as_user.group, environment, commands,
        grant_key=str(real_site.folder / "booking-state" / "grant.key"),
        callers={"root": {"verbs": list(VERBS), "grants": True}},
    )  # fmt: skip
    facts = real_site.profile.as_user.model_copy(update={"helper": (str(helper),)})
    return real_site.profile.model_copy(update={"as_user": facts})


@pytest.fixture
async def desk(real_site: RealSite, profile: Profile) -> AsyncIterator[Desk]:
    """A service of its own for each test."""
    state = Path(real_site.folder / "booking-state")
    async with running(profile, state) as parts:
        transport = httpx.ASGITransport(create_app(parts))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as http:
            await parts.facts.reservations.known()
            yield Desk(parts, http, real_site)
    shutil.rmtree(state)


def wish(user: str, **different: object) -> dict[str, object]:
    """One node for an hour from now on."""
    now = datetime.now(UTC)
    wanted = {"starts": now.isoformat(), "ends": (now + timedelta(hours=1)).isoformat(), "nodes": 1, "users": [user]}
    return wanted | {"purpose": "night shift", "partition": "main"} | different


@pytest.mark.needs_root
async def test_from_the_asking_to_the_release(desk: Desk, run_as: RunAs) -> None:
    """Ana asks, kim approves, Slurm makes it as kim; a job runs inside; ana shrinks it and gives it back."""
    ana, kim = desk.site.ana, desk.site.kim or desk.site.ana
    commands = desk.site.profile.system.commands
    status, asked = await desk.ask(ana, "POST", "/requests", wish(ana))
    assert (201, "asked") == (status, asked["state"])
    path, name = f"/requests/{asked['id']}", asked["reservation"]

    assert 202 == (await desk.ask(kim, "POST", f"{path}/approve", {"word": "enjoy"}))[0]
    await desk.wait(asked["id"], state="made")
    _, seen = await desk.ask(ana, "GET", f"/{name}")
    assert (True, 1, [ana]) == (seen["admits"], seen["node_count"], seen["users"])

    line = [
        commands.sbatch,
        f"--reservation={name}",
        "--account=ncem",
        "--time=10",
        "--parsable",
        "--wrap",
        "sleep 300",
    ]
    job_id = run_as(ana, *line).stdout.decode().strip()
    await until(lambda: bool((job := desk.parts.ledger.job(job_id)) and job.node_list), 30)
    _, fits = await desk.ask(ana, "GET", f"/{name}/fit?nodes=1&walltime=600")
    assert (True, 0) == (fits["fits"], fits["free_nodes"])
    assert "1 node for 10 min: fits from" in fits["words"]

    ends = (datetime.now(UTC) + timedelta(minutes=40)).replace(microsecond=0)
    assert 202 == (await desk.ask(ana, "PATCH", path, {"ends": ends.isoformat()}))[0]
    await desk.wait(asked["id"], change=None)
    assert ends.isoformat() == (await desk.ask(ana, "GET", f"/{name}"))[1]["ends"]

    await desk.ask(ana, "DELETE", path)
    refused = await desk.wait(asked["id"], problem="Slurm refused: delete_reservation ReservationName="
                              f"{name}: Requested reservation is in use")  # fmt: skip
    assert "made" == refused["state"]
    run_as(ana, commands.scancel, job_id)
    await until(lambda: run_as(ana, commands.squeue, "-h", "-j", job_id, "-t", "running,completing").stdout == b"", 30)
    await desk.ask(ana, "DELETE", path)
    await desk.wait(asked["id"], state="released")

    assert 404 == (await desk.ask(ana, "GET", f"/{name}"))[0]
    trail = [(act["who"], act["act"]) for act in (await desk.ask(ana, "GET", path))[1]["acts"]]
    assert [
        (ana, "asked"), (kim, "approved"), (kim, "made"), (ana, "change asked for"), (kim, "changed"),
        (ana, "release asked for"), (kim, "failed"), (ana, "release asked for"), (kim, "released"),
    ] == trail  # fmt: skip


@pytest.mark.needs_root
async def test_slurms_refusal_reaches_who_asked(desk: Desk) -> None:
    """The staff approved, Slurm has not so many nodes free: the request failed, in Slurm's words."""
    ana, kim = desk.site.ana, desk.site.kim or desk.site.ana
    partitions = (await desk.parts.facts.partitions.known()).value
    partition = next(partition for partition in partitions if partition.name == "main")
    _, asked = await desk.ask(ana, "POST", "/requests", wish(ana, nodes=partition.nodes))
    await desk.ask(kim, "POST", f"/requests/{asked['id']}/approve", {})
    failed = await desk.wait(asked["id"], state="failed")

    assert failed["word"].startswith("Slurm ")
    assert asked["reservation"] not in {found.name for found in await desk.parts.slurm.reservations()}


@pytest.mark.needs_root
async def test_only_operators_decide_and_only_the_owner_sees(desk: Desk) -> None:
    """To others a request reads as none; an extension waits for the staff's word; no is an answer too."""
    ana, ben, kim = desk.site.ana, desk.site.ben, desk.site.kim
    _, asked = await desk.ask(ana, "POST", "/requests", wish(ana))
    path = f"/requests/{asked['id']}"

    assert [404, 404, 403] == [
        (await desk.ask(ben, "GET", path))[0], (await desk.ask(ben, "DELETE", path))[0],
        (await desk.ask(ana, "POST", f"{path}/approve", {}))[0],
    ]  # fmt: skip
    assert "refused" == (await desk.ask(kim, "POST", f"{path}/refuse", {"word": "full"}))[1]["state"]
    assert "full" == (await desk.ask(ana, "GET", path))[1]["word"]
    assert [asked["id"]] == [one["id"] for one in (await desk.ask(kim, "GET", "/requests?all=true"))[1]["requests"]]
    assert (400, 403) == (
        (await desk.ask(ana, "DELETE", path))[0],
        (await desk.ask(ben, "GET", "/requests?all=true"))[0],
    )


@pytest.mark.needs_root
async def test_an_extension_waits_for_the_staffs_word(desk: Desk) -> None:
    """Giving back is one's own affair; taking more is not."""
    ana, kim = desk.site.ana, desk.site.kim
    starts = datetime.now(UTC) + timedelta(hours=30)
    later = {"starts": starts.isoformat(), "ends": (starts + timedelta(hours=1)).isoformat()}
    _, asked = await desk.ask(ana, "POST", "/requests", wish(ana, **later))
    path = f"/requests/{asked['id']}"
    await desk.ask(kim, "POST", f"{path}/approve", {})
    await desk.wait(asked["id"], state="made")
    more = (starts + timedelta(hours=2)).replace(microsecond=0).isoformat()

    waits = (await desk.ask(ana, "PATCH", path, {"ends": more}))[1]["change"]
    assert (more, False) == (waits["ends"], waits["approved"])
    assert (await desk.ask(ana, "GET", f"/{asked['reservation']}"))[1]["ends"] != more
    await desk.ask(kim, "POST", f"{path}/approve", {"word": "fine"})
    await desk.wait(asked["id"], change=None)
    assert more == (await desk.ask(ana, "GET", f"/{asked['reservation']}"))[1]["ends"]
    await desk.ask(kim, "DELETE", path)
    await desk.wait(asked["id"], state="released")


async def test_a_wrong_wish_is_refused_before_anybody_is_bothered(desk: Desk) -> None:
    """Naming the field."""
    ana = desk.site.ana
    wrong = [
        ({"users": [], "account": ""}, "users: "),
        ({"account": "nosuch"}, "account: you may not charge nosuch"),
        ({"users": ["ana,ben"]}, "users: "),
        ({"nodes": 5000}, "nodes: partition main has"),
        ({"partition": "nosuch"}, "partition: "),
        ({"features": "a=b"}, "features: "),
        ({"purpose": "two\nlines"}, "purpose: "),
        ({"purpose": "nobody\x00"}, "purpose: "),
        ({"ends": datetime.now(UTC).isoformat()}, "ends: "),
        ({"starts": "2020-01-01T00:00:00Z"}, "starts: "),
    ]
    for different, words in wrong:
        status, answer = await desk.ask(ana, "POST", "/requests", wish(ana, **different))
        assert (422, True) == (status, answer["error"]["what"].startswith(words)), answer


async def test_a_calendar_is_read_by_its_private_address(desk: Desk) -> None:
    """With a token too; an address that was removed opens nothing."""
    ana = desk.site.ana
    _, feed = await desk.ask(ana, "POST", "/calendar/feeds")
    by_address = await desk.http.get(feed["url"])
    headers = {"Authorization": f"Bearer {token_for(desk.parts, ana)}"}
    by_token = await desk.http.get("/reservations/calendar.ics", headers=headers)
    await desk.ask(ana, "DELETE", f"/calendar/feeds/{feed['id']}")

    assert ("text/calendar; charset=utf-8", True) == (
        by_address.headers["content-type"],
        "ncem-tonight" in by_address.text,
    )
    assert [200, 401, 401] == [
        by_token.status_code, (await desk.http.get(feed["url"])).status_code,
        (await desk.http.get("/reservations/calendar.ics")).status_code,
    ]  # fmt: skip


@pytest.mark.needs_root
async def test_whom_slurm_lets_make_no_reservations_is_told_so(real_site: RealSite) -> None:
    """Where one user is everybody, that user must be an operator of Slurm; else this is what the request says."""
    now = datetime.now(UTC)
    wanted = Reservation("x-1", now, now + timedelta(hours=1), "", node_count=1, users=(real_site.ana,))
    slurm = Slurm(real_site.profile.system, acting(real_site.profile))

    with pytest.raises(NotAllowed, match=f"Slurm lets {real_site.ana} make and change no reservations"):
        await slurm.create_reservation(wanted, user=real_site.ana)
