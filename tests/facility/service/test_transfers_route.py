"""/transfers over HTTP: a transfer from the asking to its end, and what is refused at the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from beamside.demo.processes import start_time
from facility.profile import read_profile
from facility.service.app import create_app
from facility.service.parts import Parts
from facility.service.running import running
from facility.service.scopes import read_scopes
from facility.testing import FakeScheduler, until

from .conftest import PROFILE, URL, SlurmOfFakes, desk_of

ORDER = {"source": {"tier": "scratch", "path": "scan"}, "destination": {"tier": "archive", "path": "scan"}}


class Door:
    """A service in this process, spoken to over HTTP."""

    def __init__(self, parts: Parts, http: httpx.AsyncClient, person: str) -> None:
        self.parts = parts
        self._http = http
        self._person = person

    async def ask(
        self, method: str, path: str, json: object = None, scope: str = "transfers", key: str = ""
    ) -> httpx.Response:
        """Ask as the person."""
        token = desk_of(self.parts).tokens.mint(self._person, read_scopes(scope), "test")
        headers = {"Authorization": f"Bearer {token.access_token}"} | ({"Idempotency-Key": key} if key else {})
        return await self._http.request(method, path, json=json, headers=headers)


@asynccontextmanager
async def door_of(tmp_path: Path, person: str, rclone: str = "rclone") -> AsyncIterator[Door]:
    """Two tiers, and one file in scratch."""
    tiers = "".join(f'[tiers.{name}]\npath = "{tmp_path}/{name}"\n' for name in ("scratch", "archive"))
    (tmp_path / "scratch/scan").mkdir(parents=True)
    (tmp_path / "scratch/scan/0.bin").write_bytes(b"x" * 1000)
    profile = read_profile(PROFILE.replace("[service]", f'[service]\nrclone = "{rclone}"') + tiers)
    slurm = SlurmOfFakes(profile, FakeScheduler(), person)
    async with running(profile, tmp_path / "state", slurm) as parts:
        transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
            yield Door(parts, http, person)


@pytest.fixture
async def door(tmp_path: Path, person: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    """A service with the real rclone."""
    monkeypatch.setattr("facility.as_user.current_user", lambda: person)
    async with door_of(tmp_path, person) as door:
        yield door


async def test_a_transfer_is_started_followed_and_listed(door: Door, tmp_path: Path) -> None:
    """With where it is to be asked for, and figures under their names."""
    started = await door.ask("POST", "/transfers", ORDER)
    ended = (await door.ask("GET", started.headers["Location"] + "?wait=30")).json()
    listed = (await door.ask("GET", "/transfers")).json()

    assert (202, "ACTIVE") == (started.status_code, started.json()["state"])
    assert ("SUCCEEDED", "", [ended["id"]]) == (ended["state"], ended["reason"], [found["id"] for found in listed])
    assert b"x" * 1000 == (tmp_path / "archive/scan/0.bin").read_bytes()


async def test_a_repeated_request_is_one_transfer(door: Door) -> None:
    """The same key with another body is refused."""
    first, again = [(await door.ask("POST", "/transfers", ORDER, key="k")).json()["id"] for _ in range(2)]
    other = await door.ask("POST", "/transfers", ORDER | {"label": "other"}, key="k")

    assert (first, 422) == (again, other.status_code)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        (ORDER | {"engine": "sh"}, 422),
        (ORDER | {"source": {"tier": "scratch", "path": "../../etc"}}, 400),
        (ORDER | {"source": {"tier": ":local,x=y", "path": "/etc"}}, 404),
        (ORDER | {"label": "a\nb"}, 400),
        (ORDER | {"destination": ORDER["source"]}, 400),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_stored(door: Door, body: object, status: int) -> None:
    """Naming what is wrong."""
    answer = await door.ask("POST", "/transfers", body)

    assert (status, True) == (answer.status_code, bool(answer.json()["error"]["what"]))
    assert [] == (await door.ask("GET", "/transfers")).json()


async def test_the_tiers_say_where_ones_own_files_are(door: Door, tmp_path: Path) -> None:
    """As this person's paths."""
    found = (await door.ask("GET", "/transfers/tiers")).json()["tiers"]

    assert [("scratch", f"{tmp_path}/scratch"), ("archive", f"{tmp_path}/archive")] == [
        (tier["name"], tier["path"]) for tier in found
    ]


async def test_another_scope_and_an_unknown_transfer_open_nothing(door: Door) -> None:
    """403 and 404."""
    unknown = "/transfers/00000000-0000-4000-8000-000000000000"

    assert 403 == (await door.ask("POST", "/transfers", ORDER, scope="files:write")).status_code
    assert [404, 404] == [(await door.ask(method, unknown)).status_code for method in ("GET", "DELETE")]


async def test_a_service_that_ends_in_the_middle_takes_its_worker_down(
    tmp_path: Path, person: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it has ended nothing of it goes on: no task, and nothing that acts for a person, however long that takes."""
    monkeypatch.setattr("facility.as_user.current_user", lambda: person)
    begun, shim, before = tmp_path / "begun", tmp_path / "rclone", asyncio.all_tasks()
    shim.write_text(
        f"#!/bin/sh\ntrap 'sleep 1; exit 1' TERM\necho $$ > '{begun}.new'\nmv '{begun}.new' '{begun}'\n"
        "while :; do sleep 0.05; done\n"
    )
    shim.chmod(0o755)
    async with door_of(tmp_path, person, str(shim)) as door:
        await door.ask("POST", "/transfers", ORDER)
        await until(begun.exists, 30)
    left = asyncio.all_tasks() - before

    assert set() == left
    await until(lambda: start_time(int(begun.read_text())) is None, 30)  # killed, or a zombie that init has not seen
