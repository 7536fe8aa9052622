"""Keys of one's own: registered, listed, revoked, and never wider than what registered them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from facility.service.identity.clients import looks_like
from facility.service.identity.store import Client
from facility.service.scopes import read_scopes

if TYPE_CHECKING:
    from ..conftest import Served

ALL = "identity jobs jobs:submit files"


def pem(key: Any) -> str:
    """The public half."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


async def register(served: Served, token: str = "", **different: object) -> httpx.Response:
    """Register a key with a token of the login's (or another)."""
    new = {"name": "beamline", "public_key": pem(served.key), "scopes": ["jobs"]} | different
    headers = {"Authorization": f"Bearer {token}"} if token else logged_in(served)
    return await served.http.post("/identity/clients", json=new, headers=headers)


def logged_in(served: Served, scope: str = ALL) -> dict[str, str]:
    """A token that the hub got for the person's login."""
    minted = served.desk.tokens.mint(served.person, read_scopes(scope), "hub").access_token
    return {"Authorization": f"Bearer {minted}"}


@pytest.mark.parametrize("kind", ["rsa pem", "rsa jwk", "ec pem", "ec jwk", "ed25519 pem"])
async def test_a_registered_key_gets_tokens(served: Served, kind: str) -> None:
    """Its id has 13 letters and digits, which key files of other programs expect; PEM and JWK are the same."""
    name, form = kind.split()
    made = {"rsa": lambda: served.key, "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
            "ed25519": ed25519.Ed25519PrivateKey.generate}[name]()  # fmt: skip
    algorithm = {"rsa": "RS256", "ec": "ES256", "ed25519": "EdDSA"}[name]
    text = pem(made)
    if form == "jwk":
        maker = jwt.algorithms.RSAAlgorithm if name == "rsa" else jwt.algorithms.ECAlgorithm
        text = json.dumps(maker.to_jwk(made.public_key(), as_dict=True))
    reply = await register(served, public_key=text)
    client = reply.json()["id"]
    claims = jwt.decode(served.assertion(client), options={"verify_signature": False})
    token = await served.ask_token(jwt.encode(claims, made, algorithm=algorithm))

    assert (201, 13, True) == (reply.status_code, len(client), client.isalnum())
    assert (200, "jobs") == (token.status_code, token.json()["scope"])


@pytest.mark.parametrize(
    "different",
    [
        {"public_key": "-----BEGIN PRIVATE KEY-----"},
        {"public_key": json.dumps({"kty": "oct", "k": "c2VjcmV0"})},
        {"public_key": "{"},
        {"days": 61},
        {"networks": ["192.0.2.1/24"]},
        {"networks": ["anywhere"]},
        {"name": "beam\u200bline"},
        {"name": "ｂｅａｍ"},
        {"scopes": ["nothing"]},
    ],
)
async def test_what_cannot_be_registered_is_refused(served: Served, different: dict[str, object]) -> None:
    """Nothing is stored."""
    reply = await register(served, **different)

    assert 400 == reply.status_code, reply.text
    assert ["cli"] == [client.id for client in served.desk.store.clients_of(served.person)]


async def test_short_and_unusual_keys_are_refused(served: Served) -> None:
    """RSA below 2048 bits, and curves that no assertion can be signed with here."""
    keys = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1())

    assert [400, 400] == [(await register(served, public_key=pem(key))).status_code for key in keys]


async def test_a_private_jwk_is_refused_and_told_of(served: Served) -> None:
    """Its owner learns that it must be replaced."""
    private = json.dumps(jwt.algorithms.RSAAlgorithm.to_jwk(served.key, as_dict=True))
    reply = await register(served, public_key=private)

    assert (400, True) == (reply.status_code, "private" in reply.json()["error"]["what"])


@pytest.mark.parametrize("scopes", [["transfers"], ["commands"], ["hub"], ["jobs", "files:write"]])
async def test_a_key_holds_nothing_that_its_maker_lacks(served: Served, scopes: list[str]) -> None:
    """Nor what the site keeps closed, nor a hub's scope."""
    assert 403 == (await register(served, scopes=scopes)).status_code


async def test_without_the_scope_identity_no_key_is_touched(served: Served) -> None:
    """A token inside a notebook cannot make a key that outlives it, nor end one; a hub's neither."""
    for headers in (logged_in(served, "jobs files"), served.headers("hub", "hub")):
        made = await served.http.post("/identity/clients", json={}, headers=headers)
        seen = await served.http.get("/identity/clients", headers=headers)
        ended = await served.http.delete("/identity/clients/cli", headers=headers)

        assert [403, 403, 403] == [reply.status_code for reply in (made, seen, ended)]


async def test_a_key_made_with_a_key_reaches_no_further(served: Served) -> None:
    """Neither longer nor from more places: who steals one cannot make it last."""
    first = await register(served, scopes=["identity", "jobs"], days=2, networks=["127.0.0.0/8"])
    token = (await served.ask_token(served.assertion(first.json()["id"]))).json()["access_token"]
    wider = await register(served, token, name="wider", networks=["10.0.0.0/8"])
    anywhere = await register(served, token, name="anywhere")
    within = await register(served, token, name="within", days=50, networks=["127.0.0.1"])

    assert [403, 403, 201] == [reply.status_code for reply in (wider, anywhere, within)]
    assert first.json()["expires"] == within.json()["expires"]


async def test_names_that_look_alike_are_refused(served: Served) -> None:
    """Whoever revokes one of two must not end the wrong one."""
    await register(served, name="Pilot 10")
    replies = [await register(served, name=name) for name in ("pilot 10", "PiIot-IO", "pilot 11")]

    assert [400, 400, 201] == [reply.status_code for reply in replies]
    assert looks_like("аna") == looks_like("ana")  # the first begins in Cyrillic


async def test_one_sees_and_ends_ones_own_keys_only(served: Served) -> None:
    """Somebody else's reads as none."""
    served.desk.store.add_client(Client("bensclient000", "ben", "jobs", pem(served.key)))
    mine = (await register(served, name="mine")).json()
    listed = (await served.http.get("/identity/clients", headers=logged_in(served))).json()["clients"]
    others = await served.http.delete("/identity/clients/bensclient000", headers=logged_in(served))

    assert {"cli", mine["id"]} == {client["id"] for client in listed}
    assert (404, "bensclient000") == (others.status_code, served.desk.store.client("bensclient000").id)


async def test_a_revoked_key_ends_with_its_tokens_and_delegations(served: Served) -> None:
    """The key, what it gave, and what was left behind to be done; its id is never given again."""
    client = (await register(served, scopes=["jobs", "jobs:submit"])).json()["id"]
    token = (await served.ask_token(served.assertion(client))).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    made = await served.http.post("/identity/delegations", headers=headers, json={"verbs": ["sbatch"], "seconds": 60})
    await served.http.delete(f"/identity/clients/{client}", headers=logged_in(served))
    act = {"user": served.person, "verb": "sbatch", "digest": "0" * 64, "delegation": made.json()["delegation"]}

    assert 401 == (await served.http.get("/jobs", headers=headers)).status_code
    assert 401 == (await served.ask_token(served.assertion(client))).status_code
    assert 401 == (await served.http.post("/identity/grants", json=act)).status_code
    assert 404 == (await served.http.delete(f"/identity/clients/{client}", headers=logged_in(served))).status_code


@pytest.mark.parametrize(
    ("scopes", "colour"),
    [(["jobs", "files"], "green"), (["files", "identity"], "orange"), (["jobs", "jobs:submit"], "red")],
)
async def test_a_keys_colour_tells_how_much_harm_its_loss_does(served: Served, scopes: list[str], colour: str) -> None:
    """As a Superfacility API names it."""
    assert colour == (await register(served, scopes=scopes)).json()["colour"]
