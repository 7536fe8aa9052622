"""Who is believed to have left, and who is not: each round's own judgement, and what an institution's answer means."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse

from facility.answers import Standing
from facility.errors import Unreachable
from hub_ext.departed import watch
from hub_ext.departed.store import Departures
from hub_ext.departed.watch import DepartureWatch
from hub_ext.departed.why import Departed, Why
from hub_ext.login import FacilityAuthenticator
from hub_ext.login.refreshing import is_refusal


class Site:
    """A hub's people, of whom some have left and some cannot be asked about."""

    def __init__(self, here: int, left: set[int], silent: set[int], where: Path) -> None:
        self.left, self.silent = {f"u{n}" for n in left}, {f"u{n}" for n in silent}
        self.people = {f"u{n}": SimpleNamespace(name=f"u{n}", encrypted_auth_state=b"x") for n in range(here)}
        self.ended: list[str] = []
        self.departures = Departures(where)
        self.endings = self

    async def login_in(self, user: Any) -> tuple[str, str]:
        """Each one's own."""
        return "https://home", user.name

    async def look_again(self, user: Any) -> bool:
        """What is heard of a person."""
        if user.name in self.silent:
            raise Unreachable("no answer")
        if user.name in self.left:
            raise Departed(Why.HOME, "refused")
        return True

    async def carry_out(self, user: Any, login: tuple[str, str], gone: Departed) -> None:
        """Note it."""
        self.ended.append(user.name)


async def one_round(site: Site, monkeypatch: pytest.MonkeyPatch) -> DepartureWatch:
    """Ask about everybody once."""
    monkeypatch.setattr(watch, "PAUSE", 0.0)
    made = DepartureWatch(site, SimpleNamespace(users=site.people))
    made._names = lambda: sorted(site.people)  # type: ignore[method-assign]  # without a hub's database
    await made.look()
    return made


async def test_each_who_left_is_ended_and_who_cannot_be_asked_about_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of two are believed: a small site has few people."""
    site = Site(2, {0, 1}, set(), tmp_path / "a")
    other = Site(9, {4}, {1, 2, 3}, tmp_path / "b")

    assert (None, None) == ((await one_round(site, monkeypatch)).fault, (await one_round(other, monkeypatch)).fault)
    assert (["u0", "u1"], ["u4"]) == (site.ended, other.ended)


async def test_many_who_seem_to_leave_at_once_are_a_fault_until_they_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is ended, the operators read how many it was, and it is over when it is."""
    site = Site(5, {0, 1, 2}, set(), tmp_path / "a")
    made = await one_round(site, monkeypatch)
    assert made.fault is not None and "3 of 5" in made.fault.words
    assert [] == site.ended

    site.left = {"u1"}
    await made.look()
    assert (None, ["u1"]) == (made.fault, site.ended)


def answer(code: int, body: bytes) -> HTTPClientError:
    """An error of the token endpoint."""
    request = HTTPRequest("https://home/token")
    return HTTPClientError(code, response=HTTPResponse(request, code, buffer=io.BytesIO(body)))


@pytest.mark.parametrize(
    ("code", "body", "is_one"),
    [
        (400, b'{"error": "invalid_grant"}', True),
        (401, b'{"error": "invalid_grant"}', True),
        (400, b'{"error": "invalid_client"}', False),
        (401, b'{"error": "invalid_client"}', False),
        (500, b'{"error": "invalid_grant"}', False),
        (503, b"<html>", False),
        (400, b'["invalid_grant"]', False),
        (400, b"", False),
    ],
)
def test_only_a_refused_refresh_token_means_that_somebody_left(code: int, body: bytes, is_one: bool) -> None:
    """The hub's own proof refused, a proxy's page, a server's error: none of them says anything of the person."""
    assert is_one is is_refusal(answer(code, body))
    assert not is_refusal(HTTPClientError(599, "no answer"))


class Person:
    """A hub user whose sign-in lies in the hub."""

    name = "ana"

    def __init__(self) -> None:
        self.state: dict[str, Any] | None = {
            "refresh_token": "r1", "id_token": "i1", "token_response": {},
            "oauth_user": {"iss": "https://home", "sub": "s"},
        }  # fmt: skip

    async def get_auth_state(self) -> dict[str, Any] | None:
        """What is kept."""
        await asyncio.sleep(0)
        return self.state

    async def save_auth_state(self, state: dict[str, Any] | None) -> None:
        """Keep another."""
        await asyncio.sleep(0)
        self.state = state


def authenticator(monkeypatch: pytest.MonkeyPatch, standing: Standing) -> tuple[FacilityAuthenticator, Counter[str]]:
    """One whose institution takes each refresh token once, and gives the next."""
    made = FacilityAuthenticator.__new__(FacilityAuthenticator)
    seen: Counter[str] = Counter()

    async def told(*_: str) -> Standing:
        return standing

    async def fresh(_: object, params: dict[str, str]) -> dict[str, str]:
        await asyncio.sleep(0)
        used = params["refresh_token"]
        seen[used] += 1
        if seen[used] > 1:
            raise answer(400, json.dumps({"error": "invalid_grant"}).encode())
        return {"refresh_token": f"r{int(used[1:]) + 1}", "id_token": "new", "access_token": "a"}

    async def model(token_info: dict[str, str]) -> dict[str, Any] | None:
        user = {"iss": "https://home", "sub": "s"}
        return {"auth_state": {**token_info, "token_response": token_info, "oauth_user": user}, "groups": []}

    async def nothing() -> None:
        """The institution's addresses are known."""

    plain = {"get_token_info": fresh, "_model": model, "learn_institution": nothing}
    plain |= {"build_refresh_token_request_params": lambda token: {"refresh_token": token}}
    for name, act in {**plain, "check_institution": lambda _: None}.items():
        monkeypatch.setattr(made, name, act, raising=False)
    made._alone, made.manage_groups = defaultdict(asyncio.Lock), False
    made.desk = SimpleNamespace(client=SimpleNamespace(standing=told))
    return made, seen


async def test_two_who_ask_at_once_use_no_refresh_token_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second asks with what the first was given; used twice, it would look like a departure."""
    made, seen = authenticator(monkeypatch, Standing("ana"))
    ana = Person()

    await asyncio.gather(*(made.look_again(ana) for _ in range(3)))

    assert {"r1": 1, "r2": 1, "r3": 1} == seen
    assert ana.state is not None and "r4" == ana.state["refresh_token"]


@pytest.mark.parametrize(
    ("standing", "why"),
    [(Standing(""), Why.LINK), (Standing("ben"), Why.LINK), (Standing("ana", "made anew"), Why.ACCOUNT)],
)
async def test_the_facilitys_word_counts_before_the_institution_is_asked(
    monkeypatch: pytest.MonkeyPatch, standing: Standing, why: Why
) -> None:
    """No link, a link to another account, an account that may not be used."""
    made, seen = authenticator(monkeypatch, standing)

    with pytest.raises(Departed) as caught:
        await made.look_again(Person())
    assert (why, {}) == (caught.value.why, seen)
