"""The routes of /files over HTTP: the whole service, the root helper where there is root, real files."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import secrets
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from facility.providers.slurm.run import current_user
from facility.testing import until
from tests.facility.at_work import AtWork, at_work
from tests.facility.conftest import RealSite
from tests.facility.service.conftest import Served

pytestmark = pytest.mark.slurm


@dataclass
class Web:
    """The service as ana sees it, and a folder of ana's."""

    http: httpx.AsyncClient
    work: AtWork
    folder: Path
    uid: int

    def url(self, name: str = "") -> str:
        """The address of a file in the folder."""
        return f"/files{self.folder}/{name}"

    async def act(self, name: str, **wanted: object) -> httpx.Response:
        """Do something with a file."""
        return await self.http.post(self.url(name), json=wanted)


@pytest.fixture
async def web(real_site: RealSite, tmp_path: Path) -> AsyncIterator[Web]:
    """As ana, with a token of hers."""
    folder = real_site.folder / f"web-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o755)
    uid = pwd.getpwnam(real_site.ana).pw_uid
    os.chown(folder, uid, -1)
    async with at_work(real_site.profile, tmp_path) as work:
        token = await (await work.token(real_site.ana))()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=work.url, headers=headers, timeout=60, trust_env=False) as http:
            yield Web(http, work, folder, uid)
    shutil.rmtree(folder)


def names(folder: Path) -> list[str]:
    """What lies there."""
    return sorted(place.name for place in folder.iterdir())


async def body(size: int) -> AsyncIterator[bytes]:
    """So many bytes, as they come."""
    for _ in range(size // 2**16):
        yield b"\x07" * 2**16


async def test_a_file_goes_there_and_comes_back(web: Web) -> None:
    """More than a request may otherwise bring, byte for byte, with its tag."""
    size = 8 * 2**20
    put = await web.http.put(web.url("scan"), content=body(size))
    got = await web.http.get(web.url("scan"))
    again = await web.http.get(web.url("scan"), headers={"If-None-Match": got.headers["etag"]})
    digest = await web.http.get(web.url("scan"), params={"view": "checksum"})

    assert (201, size, "-rw-------") == (put.status_code, put.json()["size"], put.json()["perms"])
    assert (200, str(size), 304) == (got.status_code, got.headers["content-length"], again.status_code)
    assert hashlib.sha256(got.content).hexdigest() == digest.json()["checksum"]


@pytest.mark.parametrize(
    ("asked", "status", "expected", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
async def test_a_range_of_bytes(web: Web, asked: str, status: int, expected: bytes, told: str | None) -> None:
    """As RFC 9110 has it; what is no range of bytes is the whole."""
    await web.http.put(web.url("digits"), content=b"0123456789")
    got = await web.http.get(web.url("digits"), headers={"Range": asked})

    assert (status, expected, told) == (got.status_code, got.content, got.headers.get("content-range"))


async def test_one_that_is_there_is_kept_where_that_is_said(web: Web) -> None:
    """If-None-Match: * is how HTTP says it."""
    first = await web.http.put(web.url("a"), content=b"1", headers={"If-None-Match": "*"})
    second = await web.http.put(web.url("a"), content=b"2", headers={"If-None-Match": "*"})

    assert (201, 400) == (first.status_code, second.status_code)
    assert f"{web.folder}/a: File exists" == second.json()["error"]["what"]
    assert b"1" == (await web.http.get(web.url("a"))).content


async def test_files_are_arranged(web: Web) -> None:
    """Every act, and the listing that shows what came of it."""
    at = str(web.folder)
    await web.http.put(web.url("f"), content=b"1\n2\n3\n")
    done = [
        await web.act("d/e", act="mkdir", parents=True),
        await web.act("f", act="copy", to=f"{at}/d"),
        await web.act("f", act="move", to=f"{at}/g"),
        await web.act("l", act="symlink", to="g"),
        await web.act("g", act="chmod", mode="0640"),
        await web.act("g", act="chown", group=pwd_group(web.uid)),
        await web.act("d", act="compress", to=f"{at}/d.tar.xz", compression="xz"),
        await web.act("d.tar.xz", act="extract", to=f"{at}/x"),
    ]
    tree = await web.http.get(web.url(), params={"view": "entries", "recursive": True, "follow": False})
    tail = await web.http.get(web.url("g"), params={"view": "tail", "lines": 1})
    found = await web.http.get(web.url("l"), params={"view": "stat"})
    kind = await web.http.get(web.url("g"), params={"view": "type"})

    assert [200] * 8 == [answer.status_code for answer in done]
    assert ["d", "d.tar.xz", "d/e", "d/f", "g", "l", "x", "x/d", "x/d/e", "x/d/f"] == sorted(
        entry["name"] for entry in tree.json()["entries"]
    )
    assert (b"3\n", 0o100640, "ASCII text") == (tail.content, found.json()["mode"], kind.json()["type"])


def pwd_group(uid: int) -> str:
    """A group that the person is in."""
    return grp.getgrgid(pwd.getpwuid(uid).pw_gid).gr_name


async def test_things_are_removed(web: Web) -> None:
    """With all below only where that is said; never the home."""
    await web.act("d/e", act="mkdir", parents=True)
    kept = await web.http.delete(web.url("d"))
    gone = await web.http.delete(web.url("d"), params={"recursive": True})
    home = await web.http.delete("/files/~", params={"recursive": True})
    above = await web.http.delete("/files/", params={"recursive": True})

    assert (400, 200, 400, 400) == tuple(answer.status_code for answer in (kept, gone, home, above))
    assert "holds your home directory" in home.json()["error"]["what"]
    assert [] == names(web.folder)


async def test_what_is_missing_is_404_in_the_systems_words(web: Web) -> None:
    """And what may not be read 403."""
    missing = await web.http.get(web.url("missing"))
    refused = await web.http.get("/files/proc/self/environ")

    assert (404, f"{web.folder}/missing: No such file or directory") == (
        missing.status_code,
        missing.json()["error"]["what"],
    )
    assert 403 == refused.status_code


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"act": "mkfifo"},
        {"act": "move"},
        {"act": "chmod"},
        {"act": "chmod", "mode": "999"},
        {"act": "mkdir", "x": 1},
    ],
    ids=str,
)
async def test_what_is_no_act_is_refused(web: Web, wanted: dict[str, object]) -> None:
    """Before anything is done."""
    answer = await web.act("f", **wanted)

    assert answer.status_code in {400, 422}
    assert [] == names(web.folder)


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(web: Web) -> None:
    """Neither a part of the file nor anything at work."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2**20
        await until(lambda: bool(names(web.folder)))
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        await web.http.put(web.url("half"), content=broken())
    await until(lambda: names(web.folder) == [])


async def test_scopes_hold(web: Web) -> None:
    """A token that reads writes nothing, and one for jobs reads nothing."""
    answers = []
    for scope in ("files", "jobs"):
        minted = web.work.parts.identity.desk.tokens.mint(pwd.getpwuid(web.uid).pw_name, frozenset({scope}), "x")  # type: ignore[attr-defined]  # in process it is a LocalIdentity
        headers = {"Authorization": f"Bearer {minted.access_token}"}
        answers.append((await web.http.get(web.url(), params={"view": "entries"}, headers=headers)).status_code)
        answers.append((await web.http.put(web.url("f"), content=b"x", headers=headers)).status_code)

    assert [200, 403, 403, 403] == answers


async def test_health_tells_for_whom_the_service_acts(web: Web, served: Served) -> None:
    """For the members of a group through the helper; without one for one user, and it says so."""
    facts = web.work.parts.profile.as_user
    many, one = (await web.http.get("/health")).json()["serves"], (await served.http.get("/health")).json()["serves"]

    assert (facts is None) == many.startswith("one user")
    assert f"one user, {current_user()}, and nobody else: it runs without a root helper" == one
