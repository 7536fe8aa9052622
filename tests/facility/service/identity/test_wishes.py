"""A login asks the operators for its account: once, with an answer, and never beyond what an account may be."""

from __future__ import annotations

import pwd
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import insert, update

from facility.errors import Busy, Refused
from facility.service.database import Database
from facility.service.identity import wishes
from facility.service.identity.issuer import Login
from facility.service.identity.store import Link
from facility.service.identity.tables import links
from facility.service.identity.wishes import LinkWishes

if TYPE_CHECKING:
    from ..conftest import Served

ISSUER = "https://login.example.org"
MFA = "https://refeds.org/profile/mfa"
MEDIUM = "https://refeds.org/assurance/IAP/medium"
IDP = "https://idp.home.example"
LOOK_ALIKES = [
    "alice ", " ana", "ana\n", "ana\u200b", "\uff41\uff4e\uff41", "аna", "ANA", "ana.", "../ana", "ana/..", "root",
    "daemon", "nobody-here", "0", "-ana", "ana:x", "", "a" * 33, "%61na", "ana\x00",
]  # fmt: skip


async def wished(served: Served, sub: str = "new-login", **claims: object) -> httpx.Response:
    """The hub files the wish of a login that it has just seen."""
    body = {"id_token": served.id_token(sub=sub, **claims)}
    return await served.http.post("/identity/wishes", json=body, headers=served.headers("hub", "hub"))


async def decide(served: Served, wish: str, act: str, by: str = "kim", **body: str) -> httpx.Response:
    """An operator's word, or that of somebody who is none."""
    return await served.http.post(f"/identity/wishes/{wish}/{act}", json=body, headers=served.headers(by))


async def test_an_operator_approves_and_the_link_says_what_it_stands_on(served: Served) -> None:
    """When, how, by whom, and how sure the home institution was of the person."""
    wish = (await wished(served, acr=MFA, eduperson_assurance=[MEDIUM], idp=IDP, name="Ana")).json()
    seen = (await served.http.get("/identity/wishes", headers=served.headers("kim"))).json()["wishes"]
    done = await decide(served, wish["id"], "approve", user=served.person)
    own = (await served.http.get("/identity/logins", headers=served.headers())).json()["logins"][-1]

    assert ([wish["id"]], 200, "approved") == ([one["id"] for one in seen], done.status_code, done.json()["state"])
    assert ("new-login", "kim", "wish", IDP) == (own["subject"], own["linked_by"], own["how"], own["institution"])
    assert [MFA, MEDIUM] == own["assurance"]
    assert datetime.now(UTC) - datetime.fromisoformat(own["linked"]) < timedelta(minutes=5)


async def test_one_wish_a_login_and_none_within_a_day_of_a_refusal(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever presses the button again gets the same wish; the refusal's word is told to that login."""
    first, second = [(await wished(served)).json()["id"] for _ in range(2)]
    refused = await decide(served, first, "refuse", word="call us first")
    again = await wished(served)
    query = {"iss": ISSUER, "sub": "new-login"}
    told = (await served.http.get("/identity/wish", params=query, headers=served.headers("hub", "hub"))).json()
    monkeypatch.setattr(wishes, "AGAIN", timedelta(0))
    later = await wished(served)

    assert (first, 200, 400) == (second, refused.status_code, again.status_code)
    assert ("refused", "call us first") == (told["state"], told["word"])
    assert (201, "waiting", "") == (later.status_code, later.json()["state"], later.json()["word"])


async def test_a_decided_wish_is_not_decided_again(served: Served) -> None:
    """Two operators at once: the second reads so."""
    wish = (await wished(served)).json()["id"]
    await decide(served, wish, "refuse")

    assert 400 == (await decide(served, wish, "refuse")).status_code
    assert 400 == (await decide(served, wish, "approve", user=served.person)).status_code
    assert served.desk.store.link(ISSUER, "new-login") is None


async def test_only_operators_see_and_decide_and_only_a_hub_files(served: Served) -> None:
    """A person's token reaches none of it, nor anybody else's logins."""
    wish = (await wished(served)).json()["id"]
    body = {"id_token": served.id_token(sub="x")}
    replies = [
        await served.http.get("/identity/wishes", headers=served.headers()),
        await decide(served, wish, "approve", served.person, user=served.person),
        await decide(served, wish, "refuse", served.person),
        await served.http.post("/identity/wishes", json=body, headers=served.headers("kim")),
        await served.http.get("/identity/wish?iss=a&sub=b", headers=served.headers("kim")),
        await served.http.get("/identity/logins?user=ben", headers=served.headers()),
    ]

    assert [403] * len(replies) == [reply.status_code for reply in replies]
    assert 404 == (await decide(served, "0" * 36, "refuse")).status_code


async def test_a_login_that_is_linked_otherwise_waits_no_more(served: Served) -> None:
    """Its wish is fulfilled, whoever linked it; a linked login files none."""
    await wished(served)
    new = {"iss": ISSUER, "sub": "new-login", "user": served.person}
    await served.http.put("/identity/links", json=new, headers=served.headers("kim"))

    assert [] == served.desk.wishes.waiting()
    assert 403 == (await wished(served)).status_code


@pytest.mark.parametrize("name", LOOK_ALIKES)
async def test_a_name_that_is_nobodys_or_only_looks_like_one_is_never_linked(served: Served, name: str) -> None:
    """By approval, by link, or by whatever wrote it into the table: it opens nothing, and the words say so."""
    wish = (await wished(served)).json()["id"]
    approved = await decide(served, wish, "approve", user=name)
    body = {"iss": ISSUER, "sub": "new-login", "user": name}
    linked = await served.http.put("/identity/links", json=body, headers=served.headers("kim"))
    row = {"issuer": ISSUER, "subject": "forced", "user": name, "linked_by": "x", "how": "", "assurance": ""}
    with served.desk.database.writing() as connection:
        connection.execute(insert(links).values(**row, institution="", linked_at=datetime.now(UTC)))
    query = {"iss": ISSUER, "sub": "forced"}
    looked = await served.http.get("/identity/links", params=query, headers=served.headers("hub", "hub"))

    assert {approved.status_code, linked.status_code} <= {403, 422}
    assert 403 == looked.status_code
    assert served.desk.store.link(ISSUER, "new-login") is None
    assert "waiting" == served.desk.wishes.find(wish).state


async def test_an_account_made_anew_under_the_same_name_is_not_entered(served: Served) -> None:
    """The uid of the day of linking is kept; another one means another person."""
    served.desk.store.add_link(Link(ISSUER, "old", served.person, uid=4711), "test")
    known = served.desk.store.link(ISSUER, "ana-at-home")
    with served.desk.database.writing() as connection:
        connection.execute(update(links).values(uid=pwd.getpwnam(served.person).pw_uid).where(links.c.id == 1))
    replies = [
        await served.http.get(
            "/identity/links", params={"iss": ISSUER, "sub": sub}, headers=served.headers("hub", "hub")
        )
        for sub in ("old", "ana-at-home")
    ]

    assert known is not None
    assert [403, 200] == [reply.status_code for reply in replies]
    assert "made anew" in replies[0].json()["error"]["what"]


def test_wishes_are_limited_and_kept_on_either_database(database_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many wait at a time; a decided one makes room."""
    monkeypatch.setattr(wishes, "MOST", 2)
    with closing(Database(database_address, "identity")) as database:
        kept = LinkWishes(database)
        first, _ = [kept.ask(Login(ISSUER, str(number), "x" * 300)) for number in range(2)]

        with pytest.raises(Busy):
            kept.ask(Login(ISSUER, "one more"))
        kept.refuse(first, "kim", "no")
        with pytest.raises(Refused, match="a day later"):
            kept.ask(Login(ISSUER, "0"))
        kept.ask(Login(ISSUER, "one more"))

        assert ["1", "one more"] == [wish.subject for wish in kept.waiting()]
