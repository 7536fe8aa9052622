"""A hub asks whether a login may still enter, and ends one that ended at home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from facility.client import FacilityClient
from facility.service.identity.store import Link
from facility.service.scopes import read_scopes

if TYPE_CHECKING:
    from ..conftest import Served

ISSUER = "https://login.example.org"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
LOGIN = {"iss": ISSUER, "sub": "ana-at-home"}


async def exchanged(served: Served) -> str:
    """A token that the hub got for ana's login."""
    form = {"grant_type": EXCHANGE, "subject_token": served.id_token(), "subject_token_type": ID_TOKEN, "scope": "jobs"}
    return str((await served.ask_token(served.assertion("hub"), **form)).json()["access_token"])


async def works(served: Served, token: str) -> int:
    """The status that a token is answered with."""
    return (await served.http.get("/jobs", headers={"Authorization": f"Bearer {token}"})).status_code


async def ended(served: Served, headers: dict[str, str]) -> httpx.Response:
    """Somebody says that ana's login has ended."""
    body = {**LOGIN, "user": served.person, "why": "the institution refused it"}
    return await served.http.post("/identity/logins/ended", json=body, headers=headers)


async def test_a_login_that_ended_at_home_takes_its_tokens_along(served: Served) -> None:
    """What hubs got for it ends; a key of the account's own goes on, the link stays, and the log says who said so."""
    before = await exchanged(served)
    own = served.desk.tokens.mint(served.person, read_scopes("jobs"), "cli").access_token
    reply = await ended(served, served.headers("hub", "hub"))
    seen = [await works(served, token) for token in (before, own)]
    log = (served.state / "audit.jsonl").read_text(encoding="utf-8")

    assert (200, [401, 200]) == (reply.status_code, seen)
    assert served.desk.store.link(ISSUER, "ana-at-home") is not None
    assert '"act": "end login"' in log and "the institution refused it" in log


async def test_nobody_but_a_hub_may_ask_or_end(served: Served) -> None:
    """Neither the person nor an operator: it is the hub's knowledge."""
    asked = await served.get("/identity/logins/standing", **LOGIN)
    told = await ended(served, served.headers())

    assert [403, 403] == [asked.status_code, told.status_code]


async def test_the_answer_tells_the_account_its_fault_or_that_there_is_none(served: Served) -> None:
    """Each is an answer: no error, which might mean that something else is broken, is taken for a departure."""
    served.desk.store.add_link(Link(ISSUER, "other", served.person, 4_000_000), "test")

    async def token() -> str:
        return served.desk.tokens.mint("hub", read_scopes("hub"), "hub").access_token

    transport = served.http._transport
    async with FacilityClient(str(served.http.base_url), token, transport=transport) as client:
        fine, anew, gone = [await client.standing(ISSUER, sub) for sub in ("ana-at-home", "other", "nobody")]

    assert (served.person, "") == (fine.user, fine.problem)
    assert served.person == anew.user and "made anew" in anew.problem
    assert ("", "") == (gone.user, gone.problem)
