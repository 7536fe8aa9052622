"""A sign-in that is not strong enough goes back once, and enters only when it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from facility.errors import ProfileError
from facility.login import ClaimRule, LoginFacts
from facility.profile import read_profile
from hub_ext.login.policy import shortcomings, step_up

if TYPE_CHECKING:
    from .conftest import Federation

MFA = "https://refeds.org/profile/mfa"
SFA = "https://refeds.org/profile/sfa"
MEDIUM = "https://refeds.org/assurance/IAP/medium"
NOW = 1_800_000_000.0
STRICT = LoginFacts(acr=(MFA,), max_age_minutes=10, require=(ClaimRule(claim="eduperson_assurance", values=(MEDIUM,)),))
GOOD = {"acr": MFA, "auth_time": NOW - 60, "eduperson_assurance": ["https://refeds.org/assurance", MEDIUM]}


def test_a_sign_in_that_has_all_is_enough() -> None:
    """A claim may be one value or a list of them; a site that asks for nothing takes every genuine sign-in."""
    assert [] == shortcomings(GOOD, STRICT, NOW)
    assert [] == shortcomings(GOOD | {"eduperson_assurance": MEDIUM}, STRICT, NOW)
    assert [] == shortcomings({}, LoginFacts(), NOW)


@pytest.mark.parametrize(
    ("different", "word"),
    [
        ({"acr": SFA}, "it was https://refeds.org/profile/sfa"),
        ({"acr": None}, "did not say how"),
        ({"acr": [MFA]}, "did not say how"),
        ({"acr": MFA + "/"}, "refeds"),
        ({"auth_time": NOW - 601}, r"0:10:01 ago"),
        ({"auth_time": None}, "not said when"),
        ({"auth_time": str(NOW)}, "not said when"),
        ({"eduperson_assurance": []}, "eduperson_assurance"),
        ({"eduperson_assurance": None}, "eduperson_assurance"),
        ({"eduperson_assurance": [MEDIUM.upper()]}, "eduperson_assurance"),
        ({"eduperson_assurance": {MEDIUM: True}}, "eduperson_assurance"),
    ],
)
def test_whatever_is_missing_is_named(different: dict[str, object], word: str) -> None:
    """A claim that is absent, of another form, or only alike does not count."""
    (lacking,) = shortcomings(GOOD | different, STRICT, NOW)

    assert word in lacking


def test_the_second_attempt_asks_for_it() -> None:
    """With the parameters of OpenID Connect."""
    assert {"prompt": "login", "acr_values": MFA, "max_age": "600"} == step_up(STRICT)
    assert {"prompt": "login"} == step_up(LoginFacts())


@pytest.mark.parametrize("lines", ['acrs = ["x"]', "max_age_minutes = -1", 'require = [{claim = "a"}]',
                                   'require = [{claim = "", values = ["x"]}]', 'require = [{claim = "a", values = []}]',
                                   'require = [{claim = "a", values = ["x"], of = 1}]'])  # fmt: skip
def test_a_policy_with_a_mistake_stops_the_start(lines: str) -> None:
    """A rule that is misspelt is never taken for no rule."""
    profile = f'name = "x"\n[service]\nurl = "http://127.0.0.1:1"\n[service.login]\n{lines}\n[systems.a]\ntitle = "a"\n'

    with pytest.raises(ProfileError, match="login"):
        read_profile(profile)


@pytest.mark.slurm
def test_a_weak_sign_in_is_sent_back_once_and_enters_with_the_second_factor(strict: Federation) -> None:
    """Ana is asked for her code on the second attempt; without it she reads what is missing, and there is no third."""
    password = strict.hub.password()
    with strict.browser() as browser:
        first = strict.sign_in(browser, "ana", "/hub/oauth_login?next=%2Fhub%2Ftoken")
        asked = first.history[-1].request.url if first.history else first.url
        sent = [str(answer.headers.get("location", "")) for answer in first.history]
        entered = browser.post(
            first.url, data={"login": "ana", "password": password, "code": strict.code}, follow_redirects=True
        )
    with strict.browser() as browser:
        again = strict.sign_in(browser, "ana")
        refused = browser.post(again.url, data={"login": "ana", "password": password}, follow_redirects=True)

    second = next(httpx.URL(where).params for where in sent if "acr_values" in where)
    assert (MFA, "login", "600") == (second["acr_values"], second["prompt"], second["max_age"])
    assert "One-time code" in first.text, asked
    assert "/hub/token" == entered.url.path
    assert (403, True) == (refused.status_code, MFA in strict.words(refused))
