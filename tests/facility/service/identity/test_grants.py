"""Leave to act: from a live token or a delegation, for one act, and for nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from facility.service.as_user.worker.run import VERBS
from facility.service.identity.grants import digest_of
from facility.service.identity.verbs import SCOPES_OF
from facility.service.scopes import read_scopes

if TYPE_CHECKING:
    from ..conftest import Served

DIGEST = digest_of(["--parsable", "--comment=ü"])


def unpacked(text: str) -> bytes:
    """base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


async def ask(served: Served, scope: str = "jobs:submit", verb: str = "sbatch", **different: str) -> httpx.Response:
    """Ask for a grant with a token of the person's."""
    act = {"user": served.person, "verb": verb, "digest": DIGEST} | different
    return await served.http.post("/identity/grants", json=act, headers=served.headers(scope=scope))


async def delegated(served: Served, scope: str = "jobs:submit", *verbs: str, seconds: float = 60.0) -> httpx.Response:
    """Ask for a delegation."""
    body = {"verbs": list(verbs or ("sbatch",)), "seconds": seconds}
    return await served.http.post("/identity/delegations", json=body, headers=served.headers(scope=scope))


async def used(served: Served, delegation: str, **different: str) -> httpx.Response:
    """Ask for a grant by a delegation."""
    act = {"user": served.person, "verb": "sbatch", "digest": DIGEST, "delegation": delegation} | different
    return await served.http.post("/identity/grants", json=act)


async def test_a_grant_is_for_one_act_of_one_user_for_a_minute(served: Served) -> None:
    """Signed with the key that root and identity alone can read."""
    reply = await ask(served)
    body, _, signature = reply.json()["grant"].partition(".")
    payload = json.loads(unpacked(body))
    key = (served.state / "grant.key").read_bytes()

    assert hmac.new(key, body.encode(), hashlib.sha256).digest() == unpacked(signature)
    assert (served.person, "sbatch", DIGEST) == (payload["user"], payload["verb"], payload["digest"])
    assert payload["uid"] >= 1000 and 0 < payload["exp"] - time.time() <= 60
    assert payload["jti"] != json.loads(unpacked((await ask(served)).json()["grant"].partition(".")[0]))["jti"]


@pytest.mark.parametrize("verb", sorted(SCOPES_OF))
async def test_each_verb_wants_its_scope(served: Served, verb: str) -> None:
    """All other scopes together give no leave for it."""
    wanted = SCOPES_OF[verb]
    others = " ".join(sorted({"jobs", "files", "files:write", "jobs:submit", "transfers", "commands"} - wanted))

    assert 403 == (await ask(served, others, verb)).status_code
    assert 200 == (await ask(served, sorted(wanted)[0], verb)).status_code


def test_every_verb_of_the_worker_has_a_scope() -> None:
    """But those that only a hub asks for, without grants."""
    assert set(VERBS) - {"put-claim", "tail-log"} == set(SCOPES_OF)


@pytest.mark.parametrize(
    ("different", "status"),
    [
        ({"user": "ben"}, 403),
        ({"user": "root"}, 403),
        ({"verb": "reboot"}, 400),
        ({"verb": "put-claim"}, 400),
        ({"digest": "x"}, 422),
        ({"delegation": "and-a-delegation-too"}, 400),
    ],
)
async def test_no_grant_for_another_user_or_act(served: Served, different: dict[str, str], status: int) -> None:
    """Whoever's token it is acts as that one only."""
    assert status == (await ask(served, **different)).status_code


async def test_without_a_live_proof_there_is_no_grant(served: Served) -> None:
    """No token, a hub's, a revoked one, a delegation that never was."""
    act = {"user": served.person, "verb": "sbatch", "digest": DIGEST}
    revoked = served.headers(scope="jobs:submit")
    await served.http.post("/identity/revoke", data={"token": revoked["Authorization"].removeprefix("Bearer ")})
    headers = ({}, served.headers("hub", "hub"), revoked)
    replies = [await served.http.post("/identity/grants", json=act, headers=header) for header in headers]

    assert [401, 403, 401] == [reply.status_code for reply in replies]
    assert 401 == (await used(served, "made-up")).status_code


async def test_a_hubs_token_gives_leave_for_a_question_about_anybody_and_for_no_act(served: Served) -> None:
    """When a job would start only the person can ask; nobody is asked for who is no person."""
    headers = served.headers("hub", "hub")
    asked = [("estimate", served.person), ("estimate", "root"), *((verb, served.person) for verb in SCOPES_OF)]
    statuses = {
        act: (await served.http.post(
            "/identity/grants", headers=headers, json={"verb": act[0], "user": act[1], "digest": DIGEST}
        )).status_code
        for act in asked
    }  # fmt: skip

    assert {("estimate", served.person)} == {act for act, status in statuses.items() if status == 200}
    assert {200, 403} == set(statuses.values())


async def test_a_delegation_outlives_its_token_and_does_no_more_than_it_names(served: Served) -> None:
    """It is for one user and the named verbs."""
    secret = (await delegated(served, "jobs:submit files", "sbatch", "scancel")).json()["delegation"]
    statuses = [
        (await used(served, secret, **different)).status_code
        for different in ({}, {"verb": "scancel"}, {"verb": "ls"}, {"user": "ben"})
    ]

    assert [200, 200, 403, 403] == statuses


@pytest.mark.parametrize(
    ("scope", "verbs", "seconds", "status"),
    [
        ("jobs", ("sbatch",), 60, 403),
        ("jobs:submit", ("sbatch", "rm"), 60, 400),
        ("jobs:submit", ("sbatch",), 48 * 3600 + 1, 422),
        ("jobs:submit", ("sbatch",), 0, 422),
        ("hub", ("sbatch",), 60, 403),
    ],
)
async def test_a_delegation_reaches_no_further_than_its_token(
    served: Served, scope: str, verbs: tuple[str, ...], seconds: float, status: int
) -> None:
    """Its verbs are those that the scopes open, and it lives two days at most."""
    assert status == (await delegated(served, scope, *verbs, seconds=seconds)).status_code


async def test_a_delegation_ends_with_its_operation(served: Served) -> None:
    """Twice is no error."""
    secret = (await delegated(served)).json()["delegation"]
    for _ in range(2):
        assert 200 == (await served.http.post("/identity/delegations/end", json={"delegation": secret})).status_code

    assert 401 == (await used(served, secret)).status_code


async def test_revoking_a_token_ends_the_delegations_made_from_it(served: Served) -> None:
    """Those of another token go on."""
    headers = [served.headers(scope="jobs:submit") for _ in range(2)]
    body = {"verbs": ["sbatch"], "seconds": 60}
    made = [await served.http.post("/identity/delegations", json=body, headers=header) for header in headers]
    await served.http.post("/identity/revoke", data={"token": headers[0]["Authorization"].removeprefix("Bearer ")})

    assert [401, 200] == [(await used(served, reply.json()["delegation"])).status_code for reply in made]


async def test_delegations_are_stored_hashed(served: Served) -> None:
    """Who reads the database can do nothing with it."""
    secret = (await delegated(served)).json()["delegation"]
    with sqlite3.connect(served.state / "identity.sqlite3") as database:
        text = "\n".join(database.iterdump())
    database.close()

    assert secret not in text
    assert hashlib.sha256(secret.encode()).hexdigest() in text


async def test_a_verb_that_the_site_closed_since_is_not_granted(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delegation made before does not keep it open."""
    secret = (await delegated(served)).json()["delegation"]
    monkeypatch.setattr(type(served.desk.profile.service), "ceiling", read_scopes("jobs"))

    assert 403 == (await used(served, secret)).status_code
