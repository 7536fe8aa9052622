"""Tokens of the facility: the hub's own is kept while it lasts, a person's comes from the person's login only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest

from beamside.demo import secret_files
from facility.answers import Token
from facility.errors import NotAllowed, NotSignedIn, Unreachable, Unreadable
from hub_ext import keys
from hub_ext.keys import FacilityTokens
from hub_ext.login import FacilityAuthenticator

URL = "https://facility.example/identity/token"


@dataclass
class TokenEndpoint:
    """The facility's token endpoint, with prepared answers; it keeps what it was asked."""

    answers: list[httpx.Response | Exception]
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.asked.append({name: values[0] for name, values in parse_qs(request.content.decode()).items()})
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> TokenEndpoint:
    """An endpoint that every client of hub_ext.keys reaches."""
    endpoint = TokenEndpoint([httpx.Response(200, json={"access_token": "a", "expires_in": 600})])
    real = httpx.AsyncClient

    def client(**settings: Any) -> httpx.AsyncClient:
        return real(**settings, transport=httpx.MockTransport(endpoint))

    monkeypatch.setattr(keys.httpx, "AsyncClient", client)
    return endpoint


@pytest.fixture(scope="module")
def tokens_of_a_hub() -> FacilityTokens:
    """The hub's key, made once."""
    return FacilityTokens(URL, "beamside-hub", secret_files.rsa_key())


@pytest.fixture
def tokens(tokens_of_a_hub: FacilityTokens) -> FacilityTokens:
    """A hub without any token yet."""
    return FacilityTokens(URL, "beamside-hub", tokens_of_a_hub.key)


async def test_the_hubs_own_token_is_kept_and_renewed_in_time(
    tokens: FacilityTokens, endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token serves many requests; before it ends a new one is fetched."""
    clock = [0.0]
    monkeypatch.setattr(keys.time, "monotonic", lambda: clock[0])
    for clock[0] in (0.0, 300.0, 539.0):
        assert "a" == await tokens()
    assert 1 == len(endpoint.asked)

    clock[0] = 541.0
    await tokens()

    assert ["client_credentials"] * 2 == [form["grant_type"] for form in endpoint.asked]


async def test_a_token_that_was_refused_before_its_time_is_replaced(
    tokens: FacilityTokens, endpoint: TokenEndpoint
) -> None:
    """The client that met the refusal asks for another one; it is kept as the first was."""
    await tokens()
    await tokens.renew()
    await tokens()

    assert 2 == len(endpoint.asked)


async def test_a_person_is_named_by_the_login_and_the_hub_by_its_key(
    tokens: FacilityTokens, endpoint: TokenEndpoint
) -> None:
    """An exchange carries the person's ID token and a statement that the hub signed for this endpoint."""
    await tokens.exchange("ana's id token")

    form = endpoint.asked[0]
    said = jwt.decode(form["client_assertion"], tokens.key.public_key(), ["RS256"], audience=URL)
    assert "ana's id token" == form["subject_token"]
    assert ("beamside-hub", "beamside-hub") == (said["iss"], said["sub"])
    assert "client_secret" not in form


async def test_a_servers_token_can_make_no_keys_and_open_no_shell(
    tokens: FacilityTokens, endpoint: TokenEndpoint
) -> None:
    """What is inside a notebook must not outlive it."""
    await tokens.exchange("ana's id token")
    asked = set(endpoint.asked[0]["scope"].split())

    assert {"jobs", "jobs:submit", "files"} <= asked
    assert set() == asked & {"identity", "commands", "hub", "reservations:manage", "status:manage"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(400, json={"error": "invalid_grant", "error_description": "the login ended"}), NotSignedIn),
        (httpx.Response(400, json={"error": "invalid_request", "error_description": "the login ended"}), NotSignedIn),
        (httpx.Response(400, json={"error": "access_denied", "error_description": "not linked"}), NotAllowed),
        (httpx.Response(401, json={"error": {"what": "the login has ended", "to": "", "next": ""}}), NotSignedIn),
        (httpx.Response(403, json={"error": {"what": "not linked", "to": "", "next": ""}}), NotAllowed),
        (httpx.Response(503, text="busy"), Unreachable),
        (httpx.ConnectError("no route"), Unreachable),
        (httpx.Response(200, text="<html>"), Unreadable),
        (httpx.Response(200, json={"token": "x"}), Unreadable),
    ],
)
async def test_each_no_has_its_kind(
    answer: httpx.Response | Exception, error: type[Exception], tokens: FacilityTokens, endpoint: TokenEndpoint
) -> None:
    """An ended login, a missing right, a silent service and an unreadable answer are told apart."""
    endpoint.answers = [answer]

    with pytest.raises(error):
        await tokens.exchange("x")


@dataclass
class Person:
    """A hub user with a login in encrypted state."""

    state: dict[str, str] | None

    async def get_auth_state(self) -> dict[str, str] | None:
        """What the hub keeps."""
        return self.state

    async def save_auth_state(self, state: dict[str, str]) -> None:
        """Keep a newer login."""
        self.state = state


@dataclass
class Exchange:
    """A facility that knows one login."""

    good: str

    async def exchange(self, id_token: str, scopes: frozenset[str] = frozenset()) -> Token:
        """A token for the good login only."""
        if id_token != self.good:
            raise NotSignedIn("the login has ended")
        return Token(f"for {id_token}", 600)


def authenticator(good: str, refreshed: object) -> FacilityAuthenticator:
    """An authenticator whose facility accepts `good` and whose institution refreshes to `refreshed`."""
    made = FacilityAuthenticator.__new__(FacilityAuthenticator)
    made.desk = type("Desk", (), {"tokens_of": lambda _, system: Exchange(good)})()
    made.manage_groups = False

    async def refresh_user(person: Person) -> object:
        if isinstance(refreshed, dict):
            await person.save_auth_state(refreshed["auth_state"])
        return refreshed

    made.refresh_user = refresh_user
    return made


async def test_an_ended_login_is_refreshed_once_and_kept() -> None:
    """The server gets its token, and the newer login stays in the hub."""
    ana = Person({"id_token": "old"})

    token = await authenticator("new", {"auth_state": {"id_token": "new"}}).facility_token(ana)

    assert ("for new", {"id_token": "new"}) == (token.access_token, ana.state)


@pytest.mark.parametrize("state", [None, {}, {"id_token": ""}, {"id_token": "old"}])
async def test_a_login_that_cannot_be_refreshed_asks_to_sign_in_again(state: dict[str, str] | None) -> None:
    """Without a login that counts there is no token."""
    with pytest.raises(NotSignedIn):
        await authenticator("new", False).facility_token(Person(state))
