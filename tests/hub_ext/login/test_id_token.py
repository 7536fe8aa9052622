"""Who signed in: a statement counts only when every part of it holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from facility.errors import NotSignedIn, Unreachable, Unreadable
from hub_ext.login import id_token
from hub_ext.login.handlers import nonce_of
from hub_ext.login.id_token import Institution

ISSUER = "https://login.lakeside.example"
CLIENT = "beamside-hub"
NONCE = nonce_of("v" * 43)


@dataclass
class Provider:
    """A home institution that signs; its document and keys are served from memory."""

    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=lambda: {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"})
    requests: list[str] = field(default_factory=list)
    is_up: bool = True

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What it serves."""
        self.requests.append(request.url.path)
        if not self.is_up:
            raise httpx.ConnectError("no route")
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json=self.document)
        as_jwk = jwt.algorithms.RSAAlgorithm.to_jwk
        keys = [as_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"} for kid, key in self.keys.items()]
        return httpx.Response(200, json={"keys": keys})

    def sign(self, kid: str = "k1", **changed: Any) -> str:
        """An ID token for ana; `changed` replaces claims, None leaves one out."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "s-ana", "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": NONCE} | changed
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.keys[kid], "RS256", headers={"kid": kid})


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    """The institution's key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def provider(key: rsa.RSAPrivateKey) -> Provider:
    """An institution with one key."""
    return Provider({"k1": key})


@pytest.fixture
def institution(provider: Provider) -> Institution:
    """That institution as the hub sees it."""
    return Institution(ISSUER, CLIENT, httpx.MockTransport(provider.answer))


async def test_a_genuine_statement_tells_who_signed_in(institution: Institution, provider: Provider) -> None:
    """Issuer and subject come from a statement that is signed, ours, timely and of this login."""
    claims = await institution.verify(provider.sign(), NONCE)

    assert (ISSUER, "s-ana") == (claims["iss"], claims["sub"])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://evil.example"}, "does not hold"),
        ({"aud": "another-client"}, "does not hold"),
        ({"aud": [CLIENT, "x"], "azp": "x"}, "made out to somebody else"),
        ({"exp": 1_000_000_000}, "^clock differs: .* ended 3650 d ago"),
        ({"exp": None}, "does not hold"),
        ({"iat": None}, "does not hold"),
        ({"sub": None}, "does not hold"),
        ({"aud": None}, "does not hold"),
        ({"iat": 4_000_000_000}, "^clock differs: .* from 3650 d in the future"),
        ({"nonce": "of another login"}, "belongs to another sign-in"),
        ({"nonce": None}, "belongs to another sign-in"),
    ],
)
async def test_a_statement_that_lacks_anything_is_refused(
    changed: dict[str, Any], reason: str, institution: Institution, provider: Provider
) -> None:
    """Wrong issuer, audience, time or nonce, or a missing claim: nobody is signed in."""
    with pytest.raises(NotSignedIn, match=reason):
        await institution.verify(provider.sign(**changed), NONCE)


@pytest.mark.parametrize(
    ("off", "words"), [(-3600, "ended 5[0-9] min ago"), (3600, "1 h in the future"), (2 * 86400, "2 d in the future")]
)
async def test_an_institution_whose_clock_differs_is_told_from_a_sign_in_that_ended(
    off: int, words: str, institution: Institution, provider: Provider
) -> None:
    """A statement made for this sign-in cannot be old; one that was kept since can."""
    now = int(time.time()) + off
    statement = provider.sign(iat=now, exp=now + 300)
    with pytest.raises(NotSignedIn, match=f"^clock differs: the institution's statement .*{words} by this service's"):
        await institution.verify(statement, NONCE)
    kept = "if it is new the clock differs; sign in again$" if off < 0 else "^clock differs"
    with pytest.raises(NotSignedIn, match=kept):
        await institution.verify(statement, None)


def unsigned(provider: Provider) -> str:
    """The algorithm "none"."""
    return jwt.encode(jwt.decode(provider.sign(), options={"verify_signature": False}), None, "none", {"kid": "k1"})


def by_secret(provider: Provider) -> str:
    """A secret taken for a signature."""
    claims = jwt.decode(provider.sign(), options={"verify_signature": False})
    return jwt.encode(claims, "beamside-hub-" * 4, "HS256", {"kid": "k1"})


def tampered(provider: Provider) -> str:
    """Another subject under the old signature."""
    head, _, sign = provider.sign().split(".")
    return ".".join([head, provider.sign(sub="s-kim").split(".")[1], sign])


@pytest.mark.parametrize("forge", [unsigned, by_secret, tampered, lambda _: "", lambda _: "no.token.here"])
async def test_a_forged_statement_is_refused(
    forge: Callable[[Provider], str], institution: Institution, provider: Provider
) -> None:
    """Without the institution's own signature nothing counts."""
    with pytest.raises(NotSignedIn):
        await institution.verify(forge(provider), NONCE)


async def test_a_new_key_is_fetched_but_not_at_anybodys_bidding(
    institution: Institution, provider: Provider, key: rsa.RSAPrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that came since is read anew; tokens that name unknown keys cannot make the hub ask again and again."""
    clock = [1000.0]
    monkeypatch.setattr(id_token.time, "monotonic", lambda: clock[0])
    await institution.verify(provider.sign(), NONCE)
    provider.keys["k2"] = key
    asked = len(provider.requests)
    for _ in range(5):
        with pytest.raises(NotSignedIn, match="a key it does not name"):
            await institution.verify(provider.sign("k2"), NONCE)
    assert asked == len(provider.requests)

    clock[0] += id_token.ASK_AGAIN + 1

    assert "s-ana" == (await institution.verify(provider.sign("k2"), NONCE))["sub"]


async def test_an_institution_that_is_away_is_named(institution: Institution, provider: Provider) -> None:
    """Nothing is known yet and nobody answers: the error says so."""
    provider.is_up = False

    with pytest.raises(Unreachable, match="gave no answer"):
        await institution.facts()


async def test_what_was_learned_outlives_an_outage(
    institution: Institution, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An institution that was known before is still known while it is away."""
    clock = [1000.0]
    monkeypatch.setattr(id_token.time, "monotonic", lambda: clock[0])
    await institution.facts()
    provider.is_up = False
    clock[0] += id_token.KEPT + 1

    assert provider.document == await institution.facts()


async def test_a_document_of_another_issuer_is_refused(institution: Institution, provider: Provider) -> None:
    """Who answers for the issuer must call itself by that name."""
    provider.document = {**provider.document, "issuer": "https://evil.example"}

    with pytest.raises(Unreadable, match="another issuer"):
        await institution.facts()


def test_the_nonce_is_bound_to_the_browser_and_tells_nothing() -> None:
    """Another verifier gives another nonce, and the verifier cannot be read from it."""
    assert nonce_of("a" * 43) != nonce_of("b" * 43)
    assert "a" * 43 not in nonce_of("a" * 43)
