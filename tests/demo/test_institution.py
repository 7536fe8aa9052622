"""The demo's home institution: an authorization code with PKCE, signed ID tokens, and no way around them."""

from __future__ import annotations

import base64
import getpass
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest

from beamside.demo import institution, ports, processes, secret_files
from beamside.demo.accounts import Accounts
from beamside.demo.layout import Layout, default_prefix
from beamside.demo.node import find_module, find_node
from beamside.demo.people import People
from beamside.demo.plan import CLIENT_ID, Plan, Ports

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Institution:
    """A running provider, and what its hub client knows."""

    layout: Layout
    plan: Plan
    client: institution.HubClient
    subjects: dict[str, str]
    about: dict[str, Any]

    def password(self, login: str) -> str:
        return self.layout.password(login).read_text(encoding="utf-8").strip()

    def ask(self, browser: httpx.Client, **changed: str) -> httpx.Response:
        """Begin a sign-in as the hub does; `changed` replaces parameters, an empty one is left out."""
        query = {
            "client_id": CLIENT_ID, "redirect_uri": self.client.redirect_uri, "response_type": "code",
            "scope": "openid profile email", "state": "some-state", "nonce": "some-nonce",
            "code_challenge": challenge("v" * 50), "code_challenge_method": "S256",
        } | changed  # fmt: skip
        return browser.get(self.about["authorization_endpoint"], params={k: v for k, v in query.items() if v})

    def sign_in(self, browser: httpx.Client, login: str, password: str) -> httpx.Response:
        """Fill in the form, and follow the provider until it sends the browser away or shows a page."""
        page = self.ask(browser).headers["location"]
        answer = browser.post(page, data={"login": login, "password": password})
        while answer.is_redirect and not answer.headers["location"].startswith(self.client.redirect_uri):
            answer = browser.get(answer.headers["location"])
        return answer

    def token(self, browser: httpx.Client, **form: str) -> httpx.Response:
        """Ask the token endpoint, signed with the hub's key."""
        now = int(time.time())
        claims = {"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": self.plan.issuer, "iat": now, "exp": now + 60}
        signed = jwt.encode(claims | {"jti": secrets.token_hex(8)}, self.client.key, "RS256")
        proof = {"client_id": CLIENT_ID, "client_assertion_type": ASSERTION, "client_assertion": signed}
        return browser.post(self.about["token_endpoint"], data=proof | form)

    def exchange(self, browser: httpx.Client, answer: httpx.Response, verifier: str = "v" * 50) -> httpx.Response:
        """Turn the code of a finished sign-in into tokens."""
        code = httpx.URL(answer.headers["location"]).params["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uri}
        return self.token(browser, **form, code_verifier=verifier)

    def read(self, id_token: str) -> dict[str, Any]:
        """The claims of an ID token whose signature, issuer and audience hold."""
        signer = jwt.get_unverified_header(id_token)["kid"]
        keys = jwt.PyJWKSet.from_dict(httpx.get(self.about["jwks_uri"], trust_env=False).json())
        key = next(key for key in keys.keys if key.key_id == signer)
        return jwt.decode(id_token, key, ["RS256"], audience=CLIENT_ID, issuer=self.plan.issuer)


def challenge(verifier: str) -> str:
    """RFC 7636, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Institution]:
    """A provider of our own, with the npm packages of the installed prefix."""
    layout = Layout(tmp_path_factory.mktemp("prefix"))
    for folder in (layout.state / "run", layout.log, layout.secrets):
        secret_files.make_directory(folder)
    installed = Layout(default_prefix())
    layout.npm.symlink_to(find_module(installed, "oidc-provider").parents[1])
    me = getpass.getuser()
    plan = Plan(Accounts(People(me, "", "", ""), me, me, me, me), Ports(*ports.free_ports(6)), {})
    client = institution.HubClient(CLIENT_ID, plan.redirect_uri, plan.hub_url, secret_files.rsa_key())
    subjects = institution.write_configuration(layout, plan, client)
    environment = {"PATH": os.environ["PATH"]}
    argv = institution.argv(layout, find_node(installed))
    record = processes.start(layout.state, "institution", argv, environment=environment)
    try:
        said = layout.log / "institution.out"
        processes.wait_until(lambda: ports.listens(plan.ports.institution), seconds=30, otherwise=said.read_text)
        about = httpx.get(f"{plan.issuer}/.well-known/openid-configuration", trust_env=False).json()
        yield Institution(layout, plan, client, subjects, about)
    finally:
        processes.end([record.pid])


@pytest.fixture
def browser(home: Institution) -> Iterator[httpx.Client]:
    """A browser without any cookie yet."""
    with httpx.Client(base_url=home.plan.issuer, trust_env=False) as client:
        yield client


def test_signing_in_gives_a_signed_id_token_with_nonce_and_person(home: Institution, browser: httpx.Client) -> None:
    """The hub learns subject, name, institution, assurance and time of sign-in from the ID token alone."""
    answer = home.exchange(browser, home.sign_in(browser, "ana", home.password("ana")))

    claims = home.read(answer.json()["id_token"])
    told = {name: claims[name] for name in ("sub", "name", "idp", "acr", "nonce")}
    expected = {"sub": home.subjects["ana"], "name": "Ana Reyes", "idp": institution.IDP, "nonce": "some-nonce"}
    assert expected | {"acr": institution.SINGLE_FACTOR} == told
    assert abs(time.time() - claims["auth_time"]) < 60


def test_a_refresh_token_gives_a_new_id_token_of_the_same_subject(home: Institution, browser: httpx.Client) -> None:
    """The hub can renew a login without the person."""
    first = home.exchange(browser, home.sign_in(browser, "ben", home.password("ben"))).json()
    second = home.token(browser, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()

    assert home.subjects["ben"] == home.read(second["id_token"])["sub"]


def test_a_wrong_password_stays_on_the_page_and_says_so(home: Institution, browser: httpx.Client) -> None:
    """Neither a wrong password nor an unknown name gets a code, and both read the same words."""
    wrong = home.sign_in(browser, "ana", home.password("ben"))
    unknown = home.sign_in(browser, "nobody", "whatever")

    assert [wrong.status_code, unknown.status_code] == [401, 401]
    assert all("do not belong together" in page.text for page in (wrong, unknown))


def test_a_sign_in_without_pkce_is_refused(home: Institution, browser: httpx.Client) -> None:
    """The provider sends the browser back with an error, before anybody types a password."""
    answer = home.ask(browser, code_challenge="", code_challenge_method="")

    assert "requires+PKCE" in answer.headers["location"]


def test_a_code_is_worth_nothing_without_its_verifier(home: Institution, browser: httpx.Client) -> None:
    """Who intercepts a code cannot use it."""
    answer = home.exchange(browser, home.sign_in(browser, "kim", home.password("kim")), verifier="w" * 50)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_another_redirect_address_is_refused(home: Institution, browser: httpx.Client) -> None:
    """A code goes to the registered hub only."""
    answer = home.ask(browser, redirect_uri="http://127.0.0.1:1/elsewhere")

    assert (answer.status_code, answer.headers.get("location")) == (400, None)


def test_secrets_of_the_provider_are_readable_by_their_owner_only(home: Institution) -> None:
    """Passwords and signing keys lie in 0600 files."""
    files = [home.layout.state / "institution" / "provider.json", *map(home.layout.password, ("ana", "ben", "kim"))]

    assert {0o600} == {path.stat().st_mode & 0o777 for path in files}
