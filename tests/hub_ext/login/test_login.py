"""Signing in at a real provider, and what a person sees on the form: by a browser's own steps, without JavaScript."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


@pytest.fixture
def browser(hub: HubAtWork) -> Iterator[httpx.Client]:
    """A browser without any cookie yet."""
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=20) as client:
        yield client


def sign_in(hub: HubAtWork, browser: httpx.Client, login: str) -> httpx.Response:
    """Click "sign in", fill in the institution's form, and follow until a page comes."""
    page = browser.get("/hub/oauth_login", follow_redirects=True)
    password = hub.password(login)
    return browser.post(page.url, data={"login": login, "password": password}, follow_redirects=True)


def post_form(hub: HubAtWork, browser: httpx.Client, **fields: str) -> httpx.Response:
    """Fill in the spawn form and press Start."""
    page = browser.get("/hub/spawn")
    action = re.search(r'id="spawn_form" action="([^"]+)"', page.text)
    assert action is not None
    return browser.post(action[1].replace("&amp;", "&"), data=fields)


def test_a_linked_person_enters_as_the_local_account(hub: HubAtWork, browser: httpx.Client) -> None:
    """Ana of the institution becomes the account that the link table names, and sees her form."""
    page = sign_in(hub, browser, "ana")

    assert page.url.path.endswith(("/hub/spawn", "/hub/home"))
    form = browser.get("/hub/spawn").text
    assert hub.user in form
    assert all(name in form for name in ("ncem-tonight", "ana-tomorrow", "realtime", "No container"))
    assert not any(name in form for name in ("staff-now", "nstaff"))


def test_somebody_without_a_link_reads_no_account_here(hub: HubAtWork, browser: httpx.Client) -> None:
    """Ben signed in at home, but this facility has no account for him; the page says how to link one."""
    page = sign_in(hub, browser, "ben")

    assert 403 == page.status_code
    assert "No account here" in page.text
    assert hub.plan.issuer in page.text
    assert hub.subjects["ben"] in page.text
    assert re.search(r"beamside link [A-Z]{4}-[A-Z]{4}-[A-Z]{4}", page.text)
    assert "ben" not in [user["name"] for user in hub.api("GET", "/users").json()]


def test_a_callback_that_this_browser_did_not_begin_is_refused(hub: HubAtWork, browser: httpx.Client) -> None:
    """A code slipped to another browser signs nobody in: state, verifier and nonce lie in the first one's cookie."""
    first = browser.get("/hub/oauth_login")
    state = httpx.URL(first.headers["location"]).params["state"]
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False) as victim:
        refused = victim.get("/hub/oauth_callback", params={"code": "stolen", "state": state})

    assert 400 == refused.status_code


def test_the_sign_in_sends_state_nonce_and_a_pkce_challenge(hub: HubAtWork, browser: httpx.Client) -> None:
    """All three guards of a login are on the way to the institution, each time new."""
    sent = [httpx.URL(browser.get("/hub/oauth_login").headers["location"]).params for _ in range(2)]

    assert "S256" == sent[0]["code_challenge_method"]
    assert all(sent[0][name] != sent[1][name] for name in ("state", "nonce", "code_challenge"))


def test_an_institution_that_is_away_is_named(hub: HubAtWork, browser: httpx.Client) -> None:
    """Who cannot sign in reads why, and that running servers are safe."""
    hub.kill("institution")
    hub.kill("hub")
    hub.start("hub")
    hub.wait_hub()

    page = browser.get("/hub/oauth_login")

    assert 503 == page.status_code
    assert "signing in is not possible right now" in page.text


def test_a_server_gets_a_facility_token_of_its_own_user(hub: HubAtWork, browser: httpx.Client) -> None:
    """With the token of her server, ana's Lab asks the facility in her name; the login's own tokens stay in the hub."""
    sign_in(hub, browser, "ana")
    made = hub.api("POST", f"/users/{hub.user}/tokens", {"note": "t", "scopes": [f"access:servers!server={hub.user}/"]})
    head = {"Authorization": f"token {made.json()['token']}"}

    handed = httpx.get(f"http://127.0.0.1:{hub.ports.hub}/hub/api/beamside/token", headers=head, trust_env=False)

    assert 200 == handed.status_code
    assert {"access_token", "expires_in", "token_type"} == set(handed.json())
    bearer = {"Authorization": f"Bearer {handed.json()['access_token']}"}
    who = httpx.get(f"http://127.0.0.1:{hub.ports.facility}/identity/me", headers=bearer, trust_env=False)
    assert hub.user == who.json()["user"]


def test_a_refused_form_keeps_the_input_and_names_the_field(hub: HubAtWork, browser: httpx.Client) -> None:
    """After a refusal the page shows reason and input; nothing was submitted."""
    sign_in(hub, browser, "ana")

    page = post_form(hub, browser, reservation="ana-tomorrow", walltime="5:00", nodes="1")

    assert 400 == page.status_code
    assert "ana-tomorrow lasts 4:00; ask for that or less" in page.text
    assert re.search(r'name="walltime"[^>]*value="5:00"[^>]*aria-invalid="true"', page.text, re.DOTALL)
    assert re.search(r'value="ana-tomorrow"[^>]* checked', page.text)
    assert [] == hub.jobs()


def test_a_link_only_fills_the_form(hub: HubAtWork, browser: httpx.Client) -> None:
    """A link with choices shows them; nothing starts until the person presses Start."""
    sign_in(hub, browser, "ana")

    for link in ("/hub/spawn?opt-walltime=0:20", "/hub/spawn?walltime=0:20"):
        page = browser.get(link)

        assert 200 == page.status_code
        assert 'value="0:20"' in page.text
    assert [] == hub.query("SELECT nonce FROM intents WHERE closed IS NULL")


def test_a_form_from_another_site_is_refused(hub: HubAtWork, browser: httpx.Client) -> None:
    """Without the page's own token a POST starts nothing."""
    sign_in(hub, browser, "ana")

    assert 403 == browser.post("/hub/spawn", data={"walltime": "0:10"}).status_code
    assert [] == hub.jobs()


def test_a_huge_form_is_refused_before_it_is_stored(hub: HubAtWork, browser: httpx.Client) -> None:
    """A megabyte of options ends with 413, at once, and leaves nothing behind."""
    sign_in(hub, browser, "ana")

    page = post_form(hub, browser, walltime="1" * 1_000_000)

    assert 413 == page.status_code
    assert len(str(hub.server())) < 5000


def test_the_form_comes_from_the_last_offer_when_the_facility_is_down(hub: HubAtWork, browser: httpx.Client) -> None:
    """Within its budget the page shows yesterday's choices, says how old they are, and a server can be started."""
    sign_in(hub, browser, "ana")
    browser.get("/hub/spawn")
    hub.kill("facility")
    old = re.compile(r"Shown as of \d+ (s|min) ago: reservations, accounts, QOS, partitions, environments\.")
    took: list[float] = []

    def is_told() -> bool:
        began = time.monotonic()
        page = browser.get("/hub/spawn")
        took.append(time.monotonic() - began)
        assert "ncem-tonight" in page.text
        return bool(old.search(page.text))

    wait_until(is_told, seconds=30, otherwise=lambda: hub.log("hub"), pause=0.5)
    assert max(took) < 4
    assert 302 == post_form(hub, browser, walltime="0:10").status_code
    assert hub.wait_serving()
