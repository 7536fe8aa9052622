"""Tokens by one's own key."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from facility.client import FacilityClient
from facility.errors import NotAllowed, NotSignedIn, ProfileError, Unreachable, Unreadable
from facility.key_token import Key, KeyToken, PrivateKey, load_key

TOKEN_URL = "https://login.example.org/identity/token"
MAKERS = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


def pem(key: PrivateKey) -> str:
    """The key as people keep it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def write(folder: Path, secret: object, mode: int = 0o600, **more: str) -> Path:
    """A key file."""
    path = folder / "key.json"
    path.write_text(json.dumps({"client_id": "abcdefghijklm", "secret": secret, **more}), encoding="utf-8")
    path.chmod(mode)
    return path


class Endpoint:
    """A token endpoint that checks the signature and counts."""

    def __init__(self, key: PrivateKey, seconds: int = 600) -> None:
        self.key = key
        self.seconds = seconds
        self.given = 0
        self.forms: list[dict[str, list[str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        jwt.decode(
            form["client_assertion"][0], self.key.public_key(), algorithms=["RS256", "ES256", "EdDSA"],
            audience=TOKEN_URL, options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )  # fmt: skip
        self.forms.append(form)
        self.given += 1
        return httpx.Response(200, json={"access_token": f"t{self.given}", "expires_in": self.seconds})


@pytest.fixture
def endpoint() -> Endpoint:
    """One with a small key."""
    return Endpoint(MAKERS["ES256"]())


def source(endpoint: Endpoint, *scopes: str) -> KeyToken:
    """A token source at it."""
    return KeyToken(Key("abcdefghijklm", endpoint.key), TOKEN_URL, scopes, transport=httpx.MockTransport(endpoint))


@pytest.mark.parametrize("algorithm", MAKERS)
async def test_every_kind_of_key_signs(algorithm: str, tmp_path: Path) -> None:
    """RSA, P-256 and Ed25519, from a file as people keep it."""
    private = MAKERS[algorithm]()
    key = load_key(write(tmp_path, pem(private), url="https://facility.example.org"))

    token = await KeyToken(key, TOKEN_URL, transport=httpx.MockTransport(Endpoint(private)))()

    assert ("t1", algorithm, "https://facility.example.org") == (token, key.algorithm, key.url)


async def test_a_token_is_kept_until_shortly_before_its_end(endpoint: Endpoint) -> None:
    """Ten questions, one assertion; and one whose time is over is not used."""
    token = source(endpoint, "jobs", "jobs:submit")
    assert {"t1"} == {await token() for _ in range(10)}
    assert ["jobs jobs:submit"] == endpoint.forms[0]["scope"]

    endpoint.seconds = 0
    short = source(endpoint)
    assert ("t2", "t3") == (await short(), await short())


async def test_a_revoked_token_is_replaced_while_a_pipeline_runs(endpoint: Endpoint) -> None:
    """The client tells the source that its token was refused."""

    def serve(request: httpx.Request) -> httpx.Response:
        good = request.headers["Authorization"] == f"Bearer t{endpoint.given}" and endpoint.given > 1
        return httpx.Response(200 if good else 401, json={"user": "ana", "uid": 1000})

    async with FacilityClient("http://facility", source(endpoint), transport=httpx.MockTransport(serve)) as client:
        assert "ana" == (await client.me()).user


def test_a_jwk_is_a_key_too(tmp_path: Path) -> None:
    """As other clients of Superfacility APIs keep theirs."""
    private = MAKERS["RS256"]()
    found = load_key(write(tmp_path, jwt.algorithms.RSAAlgorithm.to_jwk(private, as_dict=True)))

    assert "RS256" == found.algorithm


def test_a_key_file_of_a_superfacility_client_is_read(tmp_path: Path) -> None:
    """The client's id in the first line, then PEM."""
    path = tmp_path / "api.key"
    path.write_text(f"client0000001\n{pem(MAKERS['RS256']())}")
    path.chmod(0o600)

    assert ("client0000001", "RS256") == (load_key(path).client_id, load_key(path).algorithm)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    """It may have been read already."""
    with pytest.raises(ProfileError, match="can be read by others"):
        load_key(write(tmp_path, pem(MAKERS["ES256"]()), mode))


@pytest.mark.parametrize("secret", ["", "no key", {"kty": "oct", "k": "c2VjcmV0"}, 7, None])
def test_what_is_no_private_key_is_said(tmp_path: Path, secret: object) -> None:
    """With the shape that the file should have, and without its contents."""
    with pytest.raises(ProfileError, match="key") as refusal:
        load_key(write(tmp_path, secret))
    assert "c2VjcmV0" not in str(refusal.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ProfileError, match=r"key\.json cannot be read: No such file"):
        load_key(tmp_path / "key.json")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "invalid_client", "error_description": "the key was revoked"}, NotSignedIn),
        (400, {"error": "invalid_grant"}, NotSignedIn),
        (404, {"error": {"what": "there is no such token endpoint", "to": "", "next": ""}}, NotAllowed),
        (503, {}, Unreachable),
        (200, {"access_token": 7}, Unreadable),
    ],
)
async def test_a_refusal_keeps_the_endpoints_words(status: int, body: object, kind: type[Exception]) -> None:
    """Whoever reads it learns what to do."""
    transport = httpx.MockTransport(lambda request: httpx.Response(status, json=body))
    with pytest.raises(kind, match=body.get("error_description", "token")):
        await KeyToken(Key("abcdefghijklm", MAKERS["ES256"]()), TOKEN_URL, transport=transport)()


def test_neither_key_nor_token_is_shown(endpoint: Endpoint) -> None:
    """In a log line stand the client and the endpoint."""
    assert "KeyToken('abcdefghijklm', 'https://login.example.org/identity/token')" == repr(source(endpoint))
    assert "PrivateKey" not in repr(Key("abcdefghijklm", endpoint.key))


async def test_who_is_signed_in_goes_on_while_no_tokens_are_to_be_had(endpoint: Endpoint) -> None:
    """Until the token ends; then the message names the endpoint, and the first question afterwards works again."""
    is_down = False

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/identity/me":
            return httpx.Response(200, json={"user": "ana", "uid": 1000})
        if is_down:
            raise httpx.ConnectError("refused", request=request)
        return endpoint(request)

    line = httpx.MockTransport(answer)
    token = KeyToken(Key("abcdefghijklm", endpoint.key), TOKEN_URL, transport=line)
    async with FacilityClient("https://facility.example.org", token, transport=line) as facility:
        await facility.me()
        is_down = True
        during = await facility.me()
        token._until = 0.0  # it ends
        with pytest.raises(Unreachable, match="the token endpoint at https://login"):
            await facility.me()
        is_down = False
        after = await facility.me()

    assert ("ana", "ana", 2) == (during.user, after.user, endpoint.given)
