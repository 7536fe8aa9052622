"""Ending tokens and asking whether they are alive (RFC 7009, RFC 7662)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from facility.errors import NotSignedIn
from facility.service.scopes import read_scopes

if TYPE_CHECKING:
    from ..conftest import Served

LOGIN = {"iss": "https://login.example.org", "sub": "ana-at-home"}
HUB = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def token(served: Served, scope: str = "jobs", client: str = "cli") -> str:
    """A token of the person's."""
    return served.desk.tokens.mint(served.person, read_scopes(scope), client).access_token


def bearer(text: str) -> dict[str, str]:
    """The header that shows it."""
    return {"Authorization": f"Bearer {text}"}


def proof(served: Served, client: str) -> dict[str, str]:
    """A client's own proof."""
    return {"client_assertion_type": HUB, "client_assertion": served.assertion(client)}


async def test_a_revoked_token_opens_nothing_any_more(served: Served) -> None:
    """At once in the process that serves identity; another token of the same person stays good."""
    ended, other = token(served), token(served)
    before = (await served.http.get("/jobs", headers=bearer(ended))).status_code
    reply = await served.http.post("/identity/revoke", data={"token": ended})
    after = [(await served.http.get("/jobs", headers=bearer(text))).status_code for text in (ended, other)]

    assert (200, 200, [401, 200]) == (before, reply.status_code, after)


async def test_a_revoked_token_cannot_come_back_in_another_form(served: Served) -> None:
    """An ECDSA signature can be written in two ways; the token's id is what counts, not its text."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    text = token(served)
    await served.http.post("/identity/revoke", data={"token": text})
    head, _, signature = text.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    other = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    twin = f"{head}.{base64.urlsafe_b64encode(other).rstrip(b'=').decode()}"

    assert 401 == (await served.http.get("/jobs", headers=bearer(twin))).status_code


async def test_revoking_nonsense_is_no_error(served: Served) -> None:
    """RFC 7009, section 2.2: the purpose is reached already; only a request without a token is wrong."""
    replies = [await served.http.post("/identity/revoke", data=form) for form in ({"token": "x.y.z"}, {"a": "b"})]

    assert [200, 400] == [reply.status_code for reply in replies]


async def test_a_client_ends_its_own_tokens_only(served: Served) -> None:
    """Where it proves itself, another client's token stays."""
    text = token(served, client="cli")
    reply = await served.http.post("/identity/revoke", data={"token": text} | proof(served, "hub"))

    assert (200, 200) == (reply.status_code, (await served.http.get("/jobs", headers=bearer(text))).status_code)


async def test_the_holder_may_ask_what_a_token_is_good_for(served: Served) -> None:
    """Everything that a service behind it must know."""
    text = token(served, "jobs files")
    found = (await served.http.post("/identity/introspect", data={"token": text}, headers=bearer(text))).json()

    assert (True, served.person, "jobs files", "cli", "facility") == tuple(
        found[name] for name in ("active", "sub", "scope", "client_id", "aud")
    )


async def test_others_learn_nothing_of_a_token(served: Served) -> None:
    """To a stranger a token is not active, and without proof there is no answer; a hub may ask about all."""
    text = token(served, client="another")
    stranger = await served.http.post("/identity/introspect", data={"token": text} | proof(served, "cli"))
    nobody = await served.http.post("/identity/introspect", data={"token": text})
    hub = await served.http.post("/identity/introspect", data={"token": text} | proof(served, "hub"))

    assert ({"active": False}, 401, True) == (stranger.json(), nobody.status_code, hub.json()["active"])


async def test_an_ended_or_revoked_token_is_not_active(served: Served) -> None:
    """Nor is what never was one."""
    revoked = token(served)
    await served.http.post("/identity/revoke", data={"token": revoked})
    answers = [
        (await served.http.post("/identity/introspect", data={"token": text}, headers=bearer(text))).json()
        for text in (revoked, "x.y.z")
    ]

    assert [{"active": False}] * 2 == answers


async def test_a_parted_login_ends_what_a_hub_got_for_it(served: Served) -> None:
    """The hub's tokens and delegations of that person; a key of the person's own and other people's go on."""
    got, own = token(served, client="hub"), token(served)
    asked = {"verbs": ["sbatch"], "seconds": 60}
    submitting = token(served, "jobs:submit", client="hub")
    granted = await served.http.post("/identity/delegations", json=asked, headers=bearer(submitting))
    secret = granted.json()["delegation"]
    served.desk.proofs.delegation(secret)
    await served.http.delete("/identity/links", params=LOGIN, headers=served.headers())
    replies = [(await served.http.get("/jobs", headers=bearer(text))).status_code for text in (got, own)]

    assert [401, 200] == replies
    with pytest.raises(NotSignedIn):
        served.desk.proofs.delegation(secret)
