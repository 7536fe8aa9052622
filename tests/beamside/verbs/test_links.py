"""`beamside links`: one's own sign-ins, and what operators decide of those that wait, against the facility at work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from facility.service.identity.issuer import Login
from facility.service.identity.local import LocalIdentity
from facility.service.identity.store import Link

if TYPE_CHECKING:
    from facility.service.identity.desk import Desk as IdentityDesk
    from tests.beamside.conftest import Desk

pytestmark = pytest.mark.slurm

ISSUER = "https://login.example.org"
IDP = "https://idp.home.example"


def store_of(desk: Desk) -> IdentityDesk:
    """Identity's own side of the facility at work."""
    identity = desk.service.parts.identity
    assert isinstance(identity, LocalIdentity)
    return identity.desk


def asks(desk: Desk, subject: str) -> str:
    """Somebody signed in at home and asked the operators; returns the wish's id."""
    return store_of(desk).wishes.ask(Login(ISSUER, subject, "Ana Example", ("urn:mfa",), IDP)).id


async def test_ones_own_sign_ins_are_listed(desk: Desk) -> None:
    """None at first, in words; then when, by whom and how; for programs as JSON."""
    before = await desk.run("links")
    store_of(desk).store.add_link(Link(ISSUER, "ana-at-home", desk.site.ana, institution=IDP, how="code"), "ana")
    table, told = await desk.run("links"), await desk.run("links", "--json")

    assert (0, "No login is linked to your account.") == (before.status, before.out.strip())
    assert all(word in table.out for word in ("ana-at-home", ISSUER, IDP, "code"))
    assert ["ana-at-home"] == [one["subject"] for one in json.loads(told.out)]


async def test_nobody_but_an_operator_sees_or_decides_who_waits(desk: Desk) -> None:
    """Refused in a line, and nothing is linked."""
    wish = asks(desk, "new-login")
    said = [await desk.run("links", *words) for words in (["waiting"], ["approve", wish, desk.site.ana])]

    assert all(one.status != 0 and "operator" in one.err for one in said)
    assert store_of(desk).store.link(ISSUER, "new-login") is None


@pytest.mark.needs_root  # it takes two people, one of them an operator
async def test_an_operator_approves_one_and_refuses_another(desk: Desk) -> None:
    """The list shows whom; the answers name login and account; both are gone from the list, and the word is kept."""
    first, second = asks(desk, "good-login"), asks(desk, "bad-login")
    kim = desk.site.kim
    listed = await desk.run("links", "waiting", user=kim)
    ids = {one["id"] for one in json.loads((await desk.run("links", "waiting", "--json", user=kim)).out)}
    approved = await desk.run("links", "approve", first, desk.site.ana, user=kim)
    refused = await desk.run("links", "refuse", second, "--word", "call us first", user=kim)
    twice = await desk.run("links", "refuse", second, user=kim)
    left = await desk.run("links", "waiting", user=kim)
    store = store_of(desk)
    link = store.store.link(ISSUER, "good-login")
    wish = store.wishes.of(ISSUER, "bad-login")

    assert {first, second} == ids and all(word in listed.out for word in ("good-login", "Ana Example", IDP))
    assert f"good-login of {ISSUER} is {desk.site.ana} from now on." == approved.out.strip()
    assert f"bad-login of {ISSUER} was refused." == refused.out.strip()
    assert (True, "Nobody waits.") == (twice.status != 0, left.out.strip())
    assert link is not None and (desk.site.ana, kim) == (link.user, link.linked_by)
    assert wish is not None and ("refused", "call us first") == (wish.state, wish.word)
