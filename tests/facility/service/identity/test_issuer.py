"""The login provider's keys: from its own document, fetched seldom; and a provider that is away is named."""

from __future__ import annotations

import time

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from facility.errors import NotSignedIn, Unreachable, Unreadable
from facility.profile import Service
from facility.service.identity.issuer import Issuer
from facility.testing import FakeClock

HOME = "https://login.example.org"
FACTS = Service(url="http://127.0.0.1:8400", issuer=HOME, client_ids=("hub",))


class Home:
    """A login provider that counts the fetches of its keys, and can be away."""

    def __init__(self, key: RSAPrivateKey) -> None:
        self.key = key
        self.fetched: list[str] = []
        self.is_away = False
        self.name = HOME

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer; the keys stand where the document says."""
        if self.is_away:
            raise httpx.ConnectError("away", request=request)
        self.fetched.append(request.url.path)
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json={"issuer": self.name, "jwks_uri": f"{HOME}/jwks"})
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return httpx.Response(200, json={"keys": [{**public, "kid": "k1", "use": "sig"}]})

    def token(self, kid: str = "k1", **headers: str) -> str:
        """An ID token."""
        now = int(time.time())
        claims = {"iss": HOME, "sub": "ana", "aud": "hub", "iat": now, "exp": now + 300}
        return jwt.encode(claims, self.key, "RS256", headers={"kid": kid, **headers})


@pytest.fixture
def home(rsa_key: RSAPrivateKey) -> Home:
    """The provider."""
    return Home(rsa_key)


@pytest.fixture
def clock() -> FakeClock:
    """The service's time."""
    return FakeClock()


@pytest.fixture
def issuer(home: Home, clock: FakeClock) -> Issuer:
    """The provider as the service sees it."""
    return Issuer(FACTS, clock, httpx.MockTransport(home))


async def test_keys_are_fetched_once_for_many_logins(issuer: Issuer, home: Home) -> None:
    """And tokens that name unknown keys cannot make the service ask again and again."""
    for _ in range(5):
        assert "ana" == (await issuer.read_login(home.token())).subject
        with pytest.raises(NotSignedIn, match="not publish"):
            await issuer.read_login(home.token("unknown"))

    assert ["/.well-known/openid-configuration", "/jwks"] == home.fetched


async def test_a_new_key_is_learnt_half_a_minute_later_at_most(issuer: Issuer, home: Home, clock: FakeClock) -> None:
    """The provider changes its keys when it likes."""
    await issuer.read_login(home.token())
    await clock.advance(30)
    with pytest.raises(NotSignedIn):
        await issuer.read_login(home.token("k2"))

    assert 4 == len(home.fetched)


async def test_an_address_of_keys_inside_a_token_is_never_asked(issuer: Issuer, home: Home) -> None:
    """Neither jku nor x5u count."""
    evil = home.token("evil", jku="https://evil.example.org/keys", x5u="https://evil.example.org/cert")
    with pytest.raises(NotSignedIn):
        await issuer.read_login(evil)

    assert {"/.well-known/openid-configuration", "/jwks"} == set(home.fetched)


async def test_a_provider_that_is_away_is_named_and_not_hammered(issuer: Issuer, home: Home, clock: FakeClock) -> None:
    """A login is never refused as wrong for that, and works again soon after the provider does."""
    home.is_away = True
    for _ in range(3):
        with pytest.raises(Unreachable, match="login provider"):
            await issuer.read_login(home.token())
    home.is_away = False
    with pytest.raises(Unreachable):
        await issuer.read_login(home.token())
    await clock.advance(5)

    assert "ana" == (await issuer.read_login(home.token())).subject
    assert "up" == issuer.watched.subsystem.state


async def test_a_provider_that_calls_itself_otherwise_is_refused(issuer: Issuer, home: Home) -> None:
    """Its keys could be anybody's."""
    home.name = "https://elsewhere.example.org"

    with pytest.raises(Unreadable, match="calls itself"):
        await issuer.read_login(home.token())
