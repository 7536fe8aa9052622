"""What people meet while the service's databases cannot be used: words, nothing half done, and its end by itself."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from facility.profile import read_profile
from facility.service.app import create_app
from facility.service.operations.service import Operation, Progress
from facility.service.parts import Parts
from facility.service.running import running
from facility.service.scopes import read_scopes
from facility.testing import FakeScheduler, until
from facility.testing.postgresql import PostgreSQL

from .conftest import EVERYTHING, PROFILE, URL, SlurmOfFakes, desk_of, institution, jwk

SCRIPT = {"script": "#!/bin/sh\n# " + 100_000 * "x"}
PATIENCE = 60.0


@dataclass
class Site:
    """A service, and a person with a token from before the fault."""

    parts: Parts
    http: httpx.AsyncClient

    async def submit(self) -> httpx.Response:
        """Ask for a job: something that is written before it is answered."""
        return await self.http.post("/jobs", json=SCRIPT)

    @property
    def down(self) -> dict[str, str]:
        """The parts that health calls down, with its words."""
        told = (watched.subsystem for watched in self.parts.watched)
        return {part.name: part.last_error for part in told if part.state == "down"}


@asynccontextmanager
async def site_in(state: Path, person: str, key: RSAPrivateKey, more: str = "") -> AsyncIterator[Site]:
    """The whole service, where every submission succeeds."""
    profile = read_profile(PROFILE.replace("[service]\n", f"[service]\n{more}"))
    slurm = SlurmOfFakes(profile, FakeScheduler(), person)
    async with running(profile, state, slurm, institution({"keys": [jwk(key, "k1")]})) as parts:
        token = desk_of(parts).tokens.mint(person, read_scopes(EVERYTHING), "test").access_token
        transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url=URL, headers=headers) as http:
            parts.operations.handle("submit", at_once)
            await until(lambda: parts.ledger.taken is not None, PATIENCE)
            yield Site(parts, http)


async def at_once(operation: Operation, progress: Progress) -> dict[str, object]:
    """A submission that succeeds: what the scheduler makes of it is another test's matter."""
    return {"jobid": "7"}


@dataclass
class Disk:
    """Where the state lies, and the fault."""

    state: Path
    fill: Callable[[], None]
    free: Callable[[], None]


@pytest.fixture(params=["disk", "limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A file system of a few megabytes that can be filled; for anybody, files that may not grow."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if request.param == "limit":
        yield _limited(state)
        return
    argv = ["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "none", str(state)]
    if os.geteuid() != 0 or subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root that may mount")
    filler = state / "filler"
    yield Disk(state, lambda: _fill(filler), filler.unlink)
    subprocess.run(["umount", "--lazy", str(state)], check=True)


def _limited(state: Path) -> Disk:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        largest = max(path.stat().st_size for path in state.iterdir() if "sqlite3" in path.name)
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(largest, 2**20), before[1]))  # pytest's own files are smaller

    return Disk(state, fill, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))


def _fill(path: Path) -> None:
    try:
        with path.open("wb") as file:
            while True:
                file.write(b"\0" * 4096)
                file.flush()
    except OSError:
        return


async def test_a_full_disk_refuses_what_it_cannot_keep_and_serves_the_rest(
    disk: Disk, person: str, rsa_key: RSAPrivateKey
) -> None:
    """Each request is answered whole or refused with words; when there is room again all that was taken is done."""
    async with site_in(disk.state, person, rsa_key) as site:
        taken = [(await site.submit()).json()["id"]]
        disk.fill()
        try:
            while (reply := await site.submit()).status_code == 202:
                taken.append(reply.json()["id"])
            during = [await site.http.get(path) for path in ("/jobs", "/accounts", "/operations", "/health")]
        finally:
            disk.free()
        again = await site.submit()
        taken.append(again.json()["id"])
        await until(lambda: "operations" not in site.down, PATIENCE)
        ended = [(await site.http.get(f"/operations/{id_}", params={"wait": "30"})).json()["state"] for id_ in taken]
        kept = [work["id"] for work in (await site.http.get("/operations")).json()["operations"]]

    error = reply.json()["error"]
    assert (507, True, True) == (reply.status_code, "is its disk full?" in error["what"], "operators" in error["next"])
    assert ([200] * 4, 202) == ([answer.status_code for answer in during], again.status_code)
    assert ({"completed"}, sorted(taken)) == (set(ended), sorted(kept))


async def test_a_postgresql_that_restarts_is_told_and_found_again(
    tmp_path: Path, person: str, rsa_key: RSAPrivateKey, a_postgresql: PostgreSQL
) -> None:
    """Work under way keeps its outcome; what needs the database says so; health shows its parts down and up again."""
    own, identity = a_postgresql.new_database(), a_postgresql.new_database()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(operation: Operation, progress: Progress) -> dict[str, object]:
        begun.set()
        await go_on.wait()
        return {"done": True}

    more = f'database = "{own}"\nidentity_database = "{identity}"\n'
    async with site_in(tmp_path / "state", person, rsa_key, more) as site:
        site.parts.operations.handle("wait", wait)
        under_way = await site.parts.operations.add("wait", person, {})
        await begun.wait()
        before = await site.http.get("/operations")
        a_postgresql.stop()
        try:
            go_on.set()
            asked, submitted = await site.http.get("/operations"), await site.submit()
            jobs = await site.http.get("/jobs")
            await until(lambda: "operations" in site.down, PATIENCE)
            health = (await site.http.get("/health")).json()
            down = {part["name"]: part["last_error"] for part in health["subsystems"] if part["state"] == "down"}
        finally:
            a_postgresql.start()
        await until(lambda: not site.down, PATIENCE)
        ended = await site.parts.operations.wait(under_way.id, PATIENCE)
        again = await site.http.get(f"/operations/{(await site.submit()).json()['id']}", params={"wait": "30"})

    assert [200, 503, 503, 200] == [reply.status_code for reply in (before, asked, submitted, jobs)]
    assert ["5", "5"] == [reply.headers.get("Retry-After") for reply in (asked, submitted)]
    assert "full" not in submitted.text
    assert "the service database cannot be read" in asked.json()["error"]["what"]
    assert "the service database cannot be read" in down["operations"]
    assert ("completed", {"done": True}) == (ended.state, ended.result)
    assert "completed" == again.json()["state"]
