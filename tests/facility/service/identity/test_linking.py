"""A login becomes an account's: proved on both sides, once, and never over another."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.command import main
from facility.errors import Refused, Unreachable
from facility.key_token import load_key
from facility.linking import AskingLogin, ask, converse
from facility.service.identity import link_socket
from facility.service.identity.store import Link

if TYPE_CHECKING:
    from ..conftest import Served

ISSUER = "https://login.example.org"


@pytest.fixture
def path(served: Served, person: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The socket; where the tests run as root, the kernel's word for uid 0 is taken for the person's."""
    real = pwd.getpwuid
    lent = pwd.getpwnam(person)
    monkeypatch.setattr(link_socket.pwd, "getpwuid", lambda uid: lent if uid == os.geteuid() else real(uid))
    return served.state / "link.sock"


async def asked(served: Served, sub: str = "new-login", **claims: object) -> httpx.Response:
    """The hub asks for a login that it has just seen."""
    body = {"id_token": served.id_token(sub=sub, **claims)}
    return await served.http.post("/identity/links/requests", json=body, headers=served.headers("hub", "hub"))


async def say(path: Path, act: str, code: str) -> AskingLogin:
    """As `beamside link` does, while the service runs in this very process."""
    return await asyncio.to_thread(ask, path, act, code)  # type: ignore[arg-type]  # wrong acts are tried too


async def test_a_login_is_linked_to_whose_process_says_yes(served: Served, path: Path) -> None:
    """The code leads to the login, is shown first, and works once."""
    code = (await asked(served, name="Ana Example")).json()["code"]
    seen = await say(path, "look", code.lower().replace("-", " "))
    await say(path, "confirm", code)

    assert ("new-login", "Ana Example") == (seen.subject, seen.described)
    assert served.desk.store.link(ISSUER, "new-login") == Link(ISSUER, "new-login", served.person)
    with pytest.raises(Refused, match="no such code"):
        await say(path, "confirm", code)


async def test_the_command_shows_the_login_and_asks(
    served: Served, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was talked into typing somebody else's code sees whose it is; anything but yes links nothing."""
    code = (await asked(served, name="Mallory")).json()["code"]
    monkeypatch.setattr("sys.stdin.readline", lambda: "no\n", raising=False)
    said_no = await asyncio.to_thread(main, ["link", code, f"--socket={path}"])
    shown = capsys.readouterr().out
    linked_then = served.desk.store.link(ISSUER, "new-login")
    said_yes = await asyncio.to_thread(main, ["link", code, f"--socket={path}", "--yes"])

    assert (1, None, 0) == (said_no, linked_then, said_yes)
    assert "Mallory" in shown and ISSUER in shown
    assert served.desk.store.link(ISSUER, "new-login")


async def test_a_system_account_links_nothing(served: Served, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root's process is nobody's; the code is not used up by it."""
    code = (await asked(served)).json()["code"]
    root = pwd.struct_passwd(("root", "x", 0, 0, "", "/root", "/bin/sh"))
    monkeypatch.setattr(link_socket.pwd, "getpwuid", lambda uid: root)

    with pytest.raises(Refused, match="system account"):
        await say(path, "confirm", code)
    assert served.desk.requests.waiting()


async def test_a_linked_login_is_never_moved(served: Served, path: Path) -> None:
    """Neither by a request made before it was linked, nor by an operator."""
    code = (await asked(served)).json()["code"]
    served.desk.store.add_link(Link(ISSUER, "new-login", "ben"), "test")

    with pytest.raises(Refused, match="another account"):
        await say(path, "confirm", code)
    assert 403 == (await asked(served)).status_code
    assert "ben" == served.desk.store.link(ISSUER, "new-login").user


async def test_a_new_sign_in_ends_the_code_of_the_one_before(served: Served, path: Path) -> None:
    """A code is of one login session."""
    first, second = [(await asked(served)).json()["code"] for _ in range(2)]

    with pytest.raises(Refused):
        await say(path, "look", first)
    assert "new-login" == (await say(path, "look", second)).subject


async def test_only_a_hub_with_a_fresh_login_asks(served: Served) -> None:
    """Neither a person's token nor an ID token of another program or of long ago."""
    body = {"id_token": served.id_token(sub="x")}
    person = await served.http.post("/identity/links/requests", json=body, headers=served.headers())
    wrong = [await asked(served, **different) for different in ({"aud": "elsewhere"}, {"exp": 1}, {"iss": "https://e"})]

    assert (403, [401, 401, 401]) == (person.status_code, [reply.status_code for reply in wrong])


async def test_an_operator_sees_who_waits_and_approves(served: Served) -> None:
    """Without the codes, which are for the login sessions."""
    await asked(served, email="ana@home.example.org")
    person = await served.http.get("/identity/links/requests", headers=served.headers())
    found = (await served.http.get("/identity/links/requests", headers=served.headers("kim"))).json()["requests"]
    new = {"iss": ISSUER, "sub": "new-login", "user": served.person}
    await served.http.put("/identity/links", json=new, headers=served.headers("kim"))

    assert (403, "", "ana@home.example.org") == (person.status_code, found[0]["code"], found[0]["described"])
    assert [] == served.desk.requests.waiting()


async def test_guessing_codes_is_slow(served: Served, path: Path) -> None:
    """Ten tries a minute."""
    for _ in range(10):
        with pytest.raises(Refused, match="no such code"):
            await say(path, "look", "BCDF-BCDF-BCDF")
    with pytest.raises(Refused, match="minute"):
        await say(path, "look", "BCDF-BCDF-BCDF")


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b'{"act": "look"}\n', b'{"act": "drop", "code": ""}\n', b"x" * 9000])
async def test_nonsense_on_the_socket_is_answered(served: Served, path: Path, line: bytes) -> None:
    """And the service goes on."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    answer = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()

    assert {"error"} == set(answer)


async def test_what_a_login_calls_itself_cannot_move_the_cursor(served: Served, path: Path) -> None:
    """It is shown on a terminal."""
    code = (await asked(served, name="Ana\x1b[2J\u202e")).json()["code"]

    assert "Ana?[2J?" == (await say(path, "look", code)).described


async def test_a_person_parts_ones_own_login(served: Served) -> None:
    """Not somebody else's."""
    served.desk.store.add_link(Link(ISSUER, "bens", "ben"), "test")
    replies = [
        await served.http.delete("/identity/links", params={"iss": ISSUER, "sub": sub}, headers=served.headers())
        for sub in ("ana-at-home", "bens")
    ]

    assert [200, 404] == [reply.status_code for reply in replies]
    assert served.desk.store.link(ISSUER, "ana-at-home") is None


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the question whether this is the right machine."""
    with pytest.raises(Unreachable, match="this machine"):
        ask(tmp_path / "no.sock", "look", "x")


async def test_a_person_makes_and_ends_a_key_by_a_local_act(
    served: Served, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pair is made where it is used, 0600; with its file the person's programs get tokens until it is ended."""
    out = tmp_path / "keys" / "key.json"
    words = ["keys", f"--socket={path}", "--json"]
    added = await asyncio.to_thread(main, [*words, "add", "pipeline", "--scope=jobs", "--days=2", f"--out={out}"])
    made = json.loads(capsys.readouterr().out)[0]
    key = load_key(out)
    token = await served.ask_token(key.assertion("http://127.0.0.1:8400/identity/token"))
    again = await asyncio.to_thread(main, [*words, "add", "other", f"--out={out}"])
    ended = await asyncio.to_thread(main, [*words, "end", made["id"]])
    capsys.readouterr()
    await asyncio.to_thread(main, words)

    assert (0, 200, "jobs", 0o600) == (added, token.status_code, token.json()["scope"], out.stat().st_mode & 0o777)
    assert (1, 0, made["id"]) == (again, ended, key.client_id)
    assert ["cli"] == [client["id"] for client in json.loads(capsys.readouterr().out)]


async def test_a_refused_key_leaves_no_file(served: Served, path: Path, tmp_path: Path) -> None:
    """What the site keeps closed cannot be had this way either."""
    out = tmp_path / "key.json"
    status = await asyncio.to_thread(main, ["keys", f"--socket={path}", "add", "x", "--scope=commands", f"--out={out}"])

    assert (1, False) == (status, out.exists())


@pytest.mark.parametrize("different", [{"days": "x"}, {"scopes": "jobs"}, {"name": 7}, {"networks": None}, {"days": 0}])
async def test_what_is_no_key_is_refused_on_the_socket(
    served: Served, path: Path, different: dict[str, object]
) -> None:
    """Whatever is sent instead."""
    new = {"act": "add-key", "name": "x", "public_key": "PEM", "scopes": ["jobs"], "days": 1, "networks": []}
    with pytest.raises(Refused):
        await asyncio.to_thread(converse, path, new | different)
