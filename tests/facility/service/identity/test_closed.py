"""Accounts that this machine has closed: root's word ends their tokens, keys and logins, and nobody else's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import pytest

from facility.service.identity.standing import standing
from facility.service.scopes import read_scopes

from ..helping import sign, statement

if TYPE_CHECKING:
    from ..conftest import Served

ISSUER = "https://login.example.org"
LOCKED = "the account is locked"
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}


async def tell(served: Served, text: str) -> httpx.Response:
    """Bring a statement."""
    return await served.http.post("/identity/closed", json={"statement": text})


async def test_a_closed_account_has_no_token_no_key_and_no_login_until_it_is_open_again(served: Served) -> None:
    """At once, with the reason; a hub goes on, which is nobody, and hears why from the standing of the login."""
    own = served.headers()
    hub = {"Authorization": f"Bearer {served.desk.tokens.mint('hub', read_scopes('hub'), 'hub').access_token}"}
    before = (await served.http.get("/jobs", headers=own)).status_code
    told = await tell(served, statement(served.desk.grant_key, closed={served.person: LOCKED}))
    refused = await served.http.get("/jobs", headers=own)
    key = await served.ask_token(served.assertion("cli"))
    login = await served.ask_token(served.assertion("hub"), **EXCHANGE, subject_token=served.id_token())
    stands = await standing(served.desk, ISSUER, "ana-at-home")

    assert (200, {"changed": True}) == (before, told.json())
    assert (401, True) == (refused.status_code, LOCKED in refused.text)
    assert [(400, True)] * 2 == [(one.status_code, LOCKED in one.text) for one in (key, login)]
    assert (served.person, f"{served.person} may not log in here: {LOCKED}") == (stands.user, stands.problem)
    assert 200 == (await served.http.get("/jobs", headers=hub)).status_code

    again = await tell(served, statement(served.desk.grant_key, closed={served.person: LOCKED}))
    opened = await tell(served, statement(served.desk.grant_key))
    assert [{"changed": False}] * 2 == [again.json(), opened.json()]
    assert 200 == (await served.http.get("/jobs", headers=own)).status_code
    assert "" == (await standing(served.desk, ISSUER, "ana-at-home")).problem


@pytest.mark.parametrize("different", [{"at": int(time.time()) - 120}, {"at": int(time.time()) + 4000}])
async def test_an_old_statement_opens_and_closes_nothing(served: Served, different: dict[str, int]) -> None:
    """It may have been kept by somebody."""
    reply = await tell(served, statement(served.desk.grant_key, closed={served.person: LOCKED}, **different))

    assert (400, True) == (reply.status_code, "an old one" in reply.text)
    assert 200 == (await served.get("/jobs")).status_code


async def test_a_statement_that_was_followed_by_another_counts_no_more(served: Served) -> None:
    """So an account that was locked since is not opened by what was said before."""
    earlier = statement(served.desk.grant_key, at=int(time.time()) - 5)
    await tell(served, statement(served.desk.grant_key, closed={served.person: LOCKED}))

    assert 400 == (await tell(served, earlier)).status_code
    assert 401 == (await served.get("/jobs")).status_code


async def test_nobody_but_root_closes_accounts(served: Served) -> None:
    """Another key, what was changed, a grant, and what is no statement."""
    good = statement(served.desk.grant_key, closed={served.person: LOCKED})
    grant = sign(served.desk.grant_key, {"at": int(time.time()), "closed": {served.person: LOCKED}})
    foreign, changed = statement(b"x" * 32, closed={served.person: LOCKED}), f"e30.{good.partition('.')[2]}"
    for text in (foreign, changed, grant, "é", "."):
        assert 403 == (await tell(served, text)).status_code

    assert 422 == (await tell(served, "")).status_code
    assert 200 == (await served.get("/jobs")).status_code
