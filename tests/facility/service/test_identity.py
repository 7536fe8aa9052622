"""identity: tokens for those who can prove who they are, and for nobody else."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from facility.service.identity.store import Link
from facility.service.identity.tokens import ALGORITHM, LIFETIME, TYPE
from facility.service.scopes import PERSONAL

from .conftest import ISSUER

if TYPE_CHECKING:
    from .conftest import Served

EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}


async def me(served: Served, reply: httpx.Response) -> str:
    """Whose token that is."""
    headers = {"Authorization": f"Bearer {reply.json()['access_token']}"}
    return (await served.http.get("/identity/me", headers=headers)).json()["user"]


def said(reply: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return reply.status_code, reply.json()["error"]


async def test_a_clients_key_gets_its_owners_token(served: Served) -> None:
    """A signed assertion is enough; the token is the owner's and lives ten minutes."""
    reply = await served.ask_token(served.assertion("cli"))

    assert (200, 600, "no-store") == (reply.status_code, reply.json()["expires_in"], reply.headers["cache-control"])
    assert served.person == await me(served, reply)


async def test_a_login_becomes_its_linked_person(served: Served) -> None:
    """The hub's key together with the person's ID token gives the person's token."""
    reply = await served.ask_token(served.assertion("hub"), **EXCHANGE, subject_token=served.id_token())

    assert served.person == await me(served, reply)


async def test_the_hubs_key_alone_becomes_nobody(served: Served) -> None:
    """Its own token reads, and acts for no person."""
    token = (await served.ask_token(served.assertion("hub"))).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    assert 200 == (await served.http.get("/jobs", headers=headers)).status_code
    assert 403 == (await served.http.delete("/jobs/7", headers=headers)).status_code
    assert 0 == served.scheduler.calls_of("scancel")


async def test_a_persons_client_may_not_exchange_logins(served: Served) -> None:
    """Only a hub's key may, whoever's ID token it is."""
    reply = await served.ask_token(served.assertion("cli"), **EXCHANGE, subject_token=served.id_token())

    assert (400, "unauthorized_client") == (reply.status_code, reply.json()["error"])


@pytest.mark.parametrize(
    "different",
    [
        {"aud": "https://elsewhere.example.org/token"},
        {"exp": int(time.time()) - 3600},
        {"exp": int(time.time()) + 100_000},
        {"exp": None},
        {"jti": None},
        {"iss": "hub"},
        {"sub": "nobody"},
    ],
)
async def test_an_assertion_that_is_not_for_us_is_refused(served: Served, different: dict[str, object]) -> None:
    """Audience, end, one use, and one name for issuer and subject are all required."""
    reply = await served.ask_token(served.assertion("cli", **different))

    assert (401, "invalid_client") == (reply.status_code, reply.json()["error"])
    assert {"error", "error_description"} == set(reply.json())


async def test_an_assertion_works_once(served: Served) -> None:
    """Who copies it from a log gets nothing."""
    assertion = served.assertion("cli")

    assert [200, 401] == [(await served.ask_token(assertion)).status_code for _ in range(2)]


async def test_another_key_is_refused(served: Served) -> None:
    """A client's name is no secret; its key is."""
    served.key = generate_private_key(public_exponent=65537, key_size=2048)

    assert 401 == (await served.ask_token(served.assertion("cli"))).status_code


async def test_an_assertion_signed_with_the_public_key_as_a_secret_is_refused(served: Served) -> None:
    """The algorithm is ours to choose, not the token's."""
    public = served.desk.store.client("cli").public_key
    claims = {"iss": "cli", "sub": "cli", "aud": "x", "exp": time.time() + 60, "jti": "1"}
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    payload = jwt.utils.base64url_encode(str(claims).replace("'", '"').encode())
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        header + b"." + payload, public.encode()
    )
    forged = b".".join((header, payload, jwt.utils.base64url_encode(signature))).decode()

    assert 401 == (await served.ask_token(forged)).status_code


@pytest.mark.parametrize(
    "different",
    [
        {"aud": "another-program"},
        {"iss": "https://evil.example.org"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"sub": None},
        {"azp": "another-program"},
    ],
)
async def test_an_id_token_that_is_not_for_us_is_refused(served: Served, different: dict[str, object]) -> None:
    """Issuer, audience, presenter, end and subject are all looked at."""
    form = EXCHANGE | {"subject_token": served.id_token(**different)}

    assert (400, "invalid_request") == said(await served.ask_token(served.assertion("hub"), **form))


async def test_an_id_token_of_an_unpublished_key_is_refused(served: Served) -> None:
    """Keys come from the issuer's own list only."""
    hub = served.assertion("hub")
    served.key = generate_private_key(public_exponent=65537, key_size=2048)

    assert (400, "invalid_request") == said(await served.ask_token(hub, **EXCHANGE, subject_token=served.id_token()))


async def test_a_login_is_never_matched_by_e_mail(served: Served) -> None:
    """A subject that is not linked is nobody, whatever else the ID token says."""
    token = served.id_token(sub="somebody", email=f"{served.person}@example.org", preferred_username=served.person)
    reply = await served.ask_token(served.assertion("hub"), **EXCHANGE, subject_token=token)

    assert (400, "access_denied") == said(reply)
    assert "not linked" in reply.json()["error_description"]


async def test_an_access_token_is_no_id_token(served: Served) -> None:
    """Our own tokens cannot be exchanged for longer ones."""
    own = served.desk.tokens.mint(served.person, PERSONAL, "cli").access_token

    assert (400, "invalid_request") == said(
        await served.ask_token(served.assertion("hub"), **EXCHANGE, subject_token=own)
    )


@pytest.mark.parametrize(
    "form",
    [{"grant_type": "password"}, {"client_assertion_type": "secret"}, {**EXCHANGE, "subject_token_type": "jwt"}],
)
async def test_other_grants_are_refused(served: Served, form: dict[str, str]) -> None:
    """There are two ways to a token, and no password."""
    assert (await served.ask_token(served.assertion("hub"), **form)).status_code in {400, 401}


@pytest.mark.parametrize(
    "different",
    [
        {"aud": "elsewhere"},
        {"iss": "http://127.0.0.1:1"},
        {"exp": int(time.time()) - 3600},
        {"exp": int(time.time()) + 10 * LIFETIME.total_seconds()},
        {"scope": "root"},
        {"sub": None},
        {"exp": None},
    ],
)
async def test_a_token_with_a_wrong_claim_opens_nothing(served: Served, different: dict[str, object]) -> None:
    """Even with the right key: every claim must be one that we make."""
    token = served.headers()["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False}) | different
    claims = {name: value for name, value in claims.items() if value is not None}
    key = served.desk.keyring.keys[0]
    forged = jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})

    assert 401 == (await served.http.get("/jobs", headers={"Authorization": f"Bearer {forged}"})).status_code


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Bearer", "Bearer x.y.z"])
async def test_without_a_token_every_route_but_health_is_closed(served: Served, header: str) -> None:
    """One gate for all."""
    headers = {"Authorization": header} if header else {}
    paths = ["/identity/me", "/accounts", "/images", "/reservations", "/jobs", "/jobs/7", "/jobs/events"]

    assert {401} == {(await served.http.get(path, headers=headers)).status_code for path in paths}
    assert 200 == (await served.http.get("/health")).status_code


async def test_the_hub_may_ask_whose_login_it_is(served: Served) -> None:
    """Before a login is let in."""
    known = await served.get("/identity/links", "beamside-hub", "hub", iss=ISSUER, sub="ana-at-home")
    unknown = await served.get("/identity/links", "beamside-hub", "hub", iss=ISSUER, sub="ANA-AT-HOME")

    assert (served.person, 404) == (known.json()["user"], unknown.status_code)


async def test_a_person_may_not_ask_whose_login_it_is(served: Served) -> None:
    """Who is who at home is nobody else's business."""
    assert 403 == (await served.get("/identity/links", iss="https://x", sub="y")).status_code


async def test_only_an_operator_links(served: Served) -> None:
    """Neither a person nor the hub gives a login an account."""
    new = {"iss": "https://x", "sub": "y", "user": served.person}
    replies = [
        await served.http.put("/identity/links", json=new, headers=served.headers(user, scope))
        for user, scope in (("", "identity"), ("kim", "hub"), ("kim", "identity"))
    ]

    assert [403, 403, 200] == [reply.status_code for reply in replies]


@pytest.mark.parametrize("user", ["root", "daemon", "Ana", "аna", "no-such-user", "ana ", "-ana"])
async def test_a_system_or_look_alike_account_is_never_linked(served: Served, user: str) -> None:
    """Nor one that only looks like somebody's: the second is Cyrillic."""
    new = {"iss": "https://x", "sub": "y", "user": user}

    assert 403 == (await served.http.put("/identity/links", json=new, headers=served.headers("kim"))).status_code
    assert served.desk.store.link("https://x", "y") is None


async def test_a_link_is_never_moved(served: Served) -> None:
    """A login that is somebody's stays theirs."""
    served.desk.store.add_link(Link("https://x", "y", "ben"), "test")
    new = {"iss": "https://x", "sub": "y", "user": served.person}
    reply = await served.http.put("/identity/links", json=new, headers=served.headers("kim"))

    assert (403, "ben") == (reply.status_code, served.desk.store.link("https://x", "y").user)
