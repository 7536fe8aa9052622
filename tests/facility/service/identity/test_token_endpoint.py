"""The token endpoint as other programs know it: RFC 6749's errors, private_key_jwt with nothing besides, exchange."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import jwt
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from facility.service.identity.store import Client

if TYPE_CHECKING:
    from ..conftest import Served

pytestmark = pytest.mark.filterwarnings("ignore:.*httpx.*:DeprecationWarning")  # authlib's own notice

TOKEN_URL = "http://127.0.0.1:8400/identity/token"
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}


def said(reply: httpx.Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return reply.status_code, reply.json()["error"]


def private_pem(key: RSAPrivateKey) -> str:
    """The key as a person keeps it."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


async def test_a_stock_oauth_client_logs_in_with_its_key(served: Served) -> None:
    """authlib's private_key_jwt, as the Superfacility client uses it: RS256, no client_id field, no scope, no kid."""
    transport = served.http._transport
    async with AsyncOAuth2Client(
        client_id="cli", client_secret=private_pem(served.key), token_endpoint_auth_method="private_key_jwt",
        grant_type="client_credentials", token_endpoint=TOKEN_URL, transport=transport,
    ) as client:  # fmt: skip
        client.register_client_auth_method(PrivateKeyJWT(TOKEN_URL))
        token = await client.fetch_token()

    assert ("Bearer", 600) == (token["token_type"], token["expires_in"])
    assert "commands" not in token["scope"].split()


async def test_a_token_is_signed_with_a_published_key(served: Served) -> None:
    """Whoever has the address of the keys can verify it: ES256, typed, with all claims."""
    token = (await served.ask_token(served.assertion("cli"))).json()["access_token"]
    keys = jwt.PyJWKSet.from_dict((await served.http.get("/identity/jwks")).json())
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, keys[header["kid"]].key, algorithms=["ES256"], audience="facility")

    assert ("ES256", "at+jwt") == (header["alg"], header["typ"])
    assert {"iss", "aud", "sub", "exp", "iat", "jti", "client_id", "scope"} == set(claims)
    assert "d" not in json.dumps(keys.keys[0]._jwk_data.get("d", ""))


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": ""}, (400, "invalid_request")),
        ({"client_assertion_type": "secret"}, (401, "invalid_client")),
        ({"client_assertion": ""}, (401, "invalid_client")),
        ({"client_assertion": "x.y.z"}, (401, "invalid_client")),
        ({"client_id": "hub"}, (401, "invalid_client")),
        ({"scope": "everything"}, (400, "invalid_scope")),
        ({"scope": "jobs commands"}, (400, "invalid_scope")),
        ({"scope": "hub"}, (400, "invalid_scope")),
    ],
)
async def test_what_is_refused_has_its_code(served: Served, form: dict[str, str], answer: tuple[int, str]) -> None:
    """RFC 6749, section 5.2; nothing of it may be kept by a cache."""
    reply = await served.ask_token(served.assertion("cli"), **form)

    assert answer == said(reply)
    assert "no-store" == reply.headers["Cache-Control"]


async def test_a_field_that_comes_twice_and_another_kind_of_body_are_refused(served: Served) -> None:
    """Which of the two would count is nobody's to guess."""
    twice = await served.http.post("/identity/token", content="grant_type=a&grant_type=b",
                                   headers={"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    as_json = await served.http.post("/identity/token", json={"grant_type": "client_credentials"})

    assert [(400, "invalid_request")] * 2 == [said(twice), said(as_json)]


async def test_a_token_can_be_asked_for_less(served: Served) -> None:
    """And then it opens less."""
    reply = (await served.ask_token(served.assertion("cli"), scope="jobs")).json()
    headers = {"Authorization": f"Bearer {reply['access_token']}"}

    assert "jobs" == reply["scope"]
    assert [200, 403] == [(await served.http.get(path, headers=headers)).status_code for path in ("/jobs", "/accounts")]


async def test_the_site_sets_what_tokens_may_hold(served: Served) -> None:
    """A key registered for commands gets none where the site does not allow them."""
    client = Client("clirunshere00", served.person, "jobs commands", served.desk.store.client("cli").public_key)
    served.desk.store.add_client(client)

    assert "jobs" == (await served.ask_token(served.assertion("clirunshere00"))).json()["scope"]


async def test_an_exchanged_login_is_for_this_audience_only(served: Served) -> None:
    """Tokens for others are not made here, and the answer says what it gives."""
    good = EXCHANGE | {"subject_token": served.id_token(), "audience": "facility", "scope": "jobs accounts"}
    granted = await served.ask_token(served.assertion("hub"), **good)
    bad = {"audience": "elsewhere"}, {"resource": "https://elsewhere.example.org"}
    refused = [await served.ask_token(served.assertion("hub"), **(good | different)) for different in bad]

    assert ("accounts jobs", "urn:ietf:params:oauth:token-type:access_token") == (
        granted.json()["scope"], granted.json()["issued_token_type"],
    )  # fmt: skip
    assert [(400, "invalid_target")] * 2 == [said(reply) for reply in refused]


@pytest.mark.parametrize(
    "different",
    [{"actor_token": "x"}, {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
     {"subject_token": ""}, {"scope": "hub"}, {"scope": "commands"}],
)  # fmt: skip
async def test_an_exchange_gives_nothing_beyond_policy(served: Served, different: dict[str, str]) -> None:
    """No refresh token, no acting for a third party, no scope that the site keeps closed, and never the hub's own."""
    form = EXCHANGE | {"subject_token": served.id_token()} | different

    assert 400 == (await served.ask_token(served.assertion("hub"), **form)).status_code


async def test_a_key_works_from_its_networks_only(served: Served) -> None:
    """The address is the connection's own; a header that claims another counts for nothing."""
    public = served.desk.store.client("cli").public_key
    for name, networks in (("here000000000", ("127.0.0.0/8",)), ("there00000000", ("192.0.2.0/24", "2001:db8::/32"))):
        served.desk.store.add_client(Client(name, served.person, "jobs", public, name, networks))
    form = {"grant_type": "client_credentials", "client_assertion_type":
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}  # fmt: skip
    lying = {"X-Forwarded-For": "192.0.2.7"}

    here = await served.ask_token(served.assertion("here000000000"))
    there = await served.http.post(
        "/identity/token", data=form | {"client_assertion": served.assertion("there00000000")}, headers=lying
    )
    assert (200, (401, "invalid_client")) == (here.status_code, said(there))
    assert "192.0.2.7" not in there.text


async def test_a_key_that_has_ended_gives_nothing(served: Served) -> None:
    """Its end was set when it was registered."""
    public, ended = served.desk.store.client("cli").public_key, datetime.now(UTC) - timedelta(seconds=1)
    served.desk.store.add_client(Client("ended00000000", served.person, "jobs", public, expires=ended))

    assert (401, "invalid_client") == said(await served.ask_token(served.assertion("ended00000000")))


async def test_an_assertion_of_another_algorithm_than_its_keys_is_refused(served: Served) -> None:
    """RSA keys sign with RS256 or PS256; what a header says besides does not count."""
    claims = jwt.decode(served.assertion("cli"), options={"verify_signature": False})
    strange = jwt.encode(claims, served.key, algorithm="RS512")
    unsigned = jwt.encode(claims, None, algorithm="none")

    assert [(401, "invalid_client")] * 2 == [said(await served.ask_token(text)) for text in (strange, unsigned)]


async def test_a_clock_that_differs_is_named(served: Served) -> None:
    """The facility's own time is told, so that the other can be set."""
    late = served.assertion("cli", exp=int(datetime.now(UTC).timestamp()) - 3600)

    assert "clock" in (await served.ask_token(late)).json()["error_description"]


async def test_programs_find_the_endpoints(served: Served) -> None:
    """RFC 9728 leads to RFC 8414, and that to everything else."""
    resource = (await served.http.get("/.well-known/oauth-protected-resource")).json()
    server = (await served.http.get("/.well-known/oauth-authorization-server")).json()

    assert [server["issuer"]] == resource["authorization_servers"]
    assert (TOKEN_URL, ["private_key_jwt"]) == (
        server["token_endpoint"], server["token_endpoint_auth_methods_supported"],
    )  # fmt: skip
    assert "commands" not in server["scopes_supported"]


async def test_every_token_and_every_refusal_is_in_the_audit_log(served: Served) -> None:
    """With whom, by which key and from where, and without any secret."""
    token = (await served.ask_token(served.assertion("cli"), scope="jobs")).json()["access_token"]
    assertion = served.assertion("cli", exp=None)
    await served.ask_token(assertion)
    path = served.state / "audit.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    assert ("token", "done", served.person, "cli", "jobs", "127.0.0.1") == tuple(
        lines[-2][name] for name in ("act", "outcome", "user", "client", "scope", "address")
    )
    assert ("token", "refused", "127.0.0.1") == tuple(lines[-1][name] for name in ("act", "outcome", "address"))
    assert 0o600 == path.stat().st_mode & 0o777
    assert token not in path.read_text() and assertion not in path.read_text()
