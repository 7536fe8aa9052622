"""CILogon's and Globus's classes with our rules: driven at a real provider that says what those would say."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import httpx
import pytest
from traitlets.config import Config

from beamside.demo.institution import IDP
from facility.errors import NotAllowed, ProfileError
from facility.login import ClaimRule, LoginFacts
from hub_ext.login import CILogonAuthenticator, FacilityAuthenticator, GlobusAuthenticator
from hub_ext.login.policy import groups_of, shortcomings
from hub_ext.login.providers import offered
from hub_ext.login.settings import REPLACED, refuse_replaced_settings

if TYPE_CHECKING:
    from .conftest import Federation

SECRET_CLIENT = "beamside-secret"


def lines(kind: str) -> str:
    """The hub's configuration for one of the classes."""
    chosen = f'c.JupyterHub.authenticator_class = "hub_ext.{kind}"  # noqa: F821'
    return f'{chosen}\nc.FacilityLogin.client_id = "{SECRET_CLIENT}"  # noqa: F821'


def server_token(federation: Federation) -> httpx.Response:
    """What a server of ana's gets from the hub."""
    hub = federation.hub
    made = hub.api("POST", f"/users/{hub.user}/tokens", {"note": "t", "scopes": [f"access:servers!server={hub.user}/"]})
    head = {"Authorization": f"token {made.json()['token']}"}
    return httpx.get(f"http://127.0.0.1:{hub.ports.hub}/hub/api/beamside/token", headers=head, trust_env=False)


@pytest.mark.slurm
def test_through_cilogon_and_globus_the_linked_identity_enters(federation: Federation) -> None:
    """The hub proves itself by its secret, offers the listed institutions only, and hands out tokens as always.

    An address that is somebody else's changes nothing: the primary `sub` alone is looked up.
    """
    with federation.configured(lines("CILogonAuthenticator")), federation.browser() as browser:
        sent = httpx.URL(browser.get("/hub/oauth_login").headers["location"]).params
        page = federation.sign_in(browser, "ana")
        handed = server_token(federation)
        federation.configure(hub_lines=lines("GlobusAuthenticator"))
        pages = [federation.entered("ana"), federation.entered("ben")]
        handed_again = server_token(federation)

    assert (IDP, SECRET_CLIENT) == (sent["selected_idp"].split(",")[0], sent["client_id"])
    assert all(found.url.path.endswith(("/hub/spawn", "/hub/home")) for found in (page, pages[0]))
    assert [200, 200] == [handed.status_code, handed_again.status_code]
    assert 403 == pages[1].status_code


@pytest.mark.slurm
def test_another_institution_behind_the_same_issuer_is_refused(federation: Federation) -> None:
    """Linked or not: who signs in elsewhere reads where, and which institutions are taken."""
    page = federation.entered("kim")

    assert 403 == page.status_code
    assert "elsewhere.example" in federation.words(page) and IDP in federation.words(page)


def test_nothing_of_a_globus_login_reaches_a_server() -> None:
    """The stock class pickles all tokens into the server's environment; ours leaves it as it is."""
    spawner = SimpleNamespace(environment={})

    GlobusAuthenticator.pre_spawn_start(SimpleNamespace(), SimpleNamespace(), spawner)

    assert {} == spawner.environment


@pytest.mark.parametrize(
    ("kind", "claims"),
    [
        (FacilityAuthenticator, {"idp": IDP}),
        (GlobusAuthenticator, {"identity_provider": IDP, "idp": "other"}),
    ],
)
def test_the_institution_is_compared_exactly(kind: type[FacilityAuthenticator], claims: dict[str, str]) -> None:
    """Neither another case, nor a longer name, nor an e-mail's domain, nor a missing claim is let in."""
    made = kind.__new__(kind)
    facts = SimpleNamespace(service=SimpleNamespace(login=SimpleNamespace(idps=(IDP,))))
    made.desk = SimpleNamespace(facts=facts)
    name = kind.idp_claim
    wrong = [IDP.upper(), f"{IDP}/x", f" {IDP}", "", None, [IDP], {"email": f"x@{IDP}"}]

    made.check_institution(claims)
    for value in wrong:
        with pytest.raises(NotAllowed):
            made.check_institution(claims | {name: value})
    with pytest.raises(NotAllowed, match="does not name"):
        made.check_institution({"hd": IDP, "email": f"ana@{IDP}", "iat": time.time()})


@pytest.mark.parametrize("name", sorted(REPLACED))
def test_a_setting_that_would_be_ignored_stops_the_start(name: str) -> None:
    """Whichever class's section it is set in, the word says what takes its place."""
    for section in ("GlobusOAuthenticator", "OAuthenticator", "FacilityLogin", "Authenticator"):
        with pytest.raises(ProfileError, match=f"c.{section}.{name}"):
            refuse_replaced_settings(Config({section: {name: "x"}}), GlobusAuthenticator)
    refuse_replaced_settings(Config({"CILogonOAuthenticator": {name: "x"}}), GlobusAuthenticator)


def test_cilogon_without_a_list_does_not_start() -> None:
    """It would let in whoever has an account at a public web site."""
    with pytest.raises(ProfileError, match=r"service\.login\.idps"):
        offered(())


def test_what_cilogon_says_in_one_text_is_read_as_a_list() -> None:
    """Affiliations and entitlements, so that a rule finds each of them; other texts are left as they are."""
    told = {"affiliation": "staff@a.example;member@a.example", "name": "Ana; of the lake", "isMemberOf": ["CO:all"]}
    rule = ClaimRule(claim="affiliation", values=("member@a.example",))
    facts = LoginFacts(groups={"members": rule}, require=(rule,))

    read = CILogonAuthenticator.read_claims(SimpleNamespace(), told)

    assert {"members"} == groups_of(read, facts)
    assert [] == shortcomings(read, facts, time.time())
    assert (told["name"], told["isMemberOf"]) == (read["name"], read["isMemberOf"])


@pytest.mark.parametrize(
    ("claims", "fresh"),
    [
        ({"last_authentication": 1000.0}, True),
        ({"last_authentication": 100.0}, False),
        ({"last_authentication": None}, False),
        ({"last_authentication": 1000.0, "auth_time": 100.0}, False),
        ({}, False),
    ],
)
def test_globus_says_in_its_own_words_how_fresh_a_sign_in_is(claims: dict[str, float | None], fresh: bool) -> None:
    """The standard claim goes first where it is there; a sign-in without either counts as old."""
    read = GlobusAuthenticator.read_claims(SimpleNamespace(), claims)

    assert fresh is not bool(shortcomings(read, LoginFacts(max_age_minutes=10), 1060.0))
