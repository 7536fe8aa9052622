"""A sign-in that ends at home or at the facility ends sessions and tokens here, and servers by the site's policy."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from .conftest import Federation

pytestmark = pytest.mark.slurm

WATCHED = 'c.FacilityLogin.standing_seconds = 1\nc.FacilityLogin.contact = "the desk, extension 4711"'
STOPS = f'{WATCHED}\nc.FacilityLogin.departed = "stop"'


class Ana:
    """Ana in one browser, with a server that runs and a token that it was handed."""

    def __init__(self, federation: Federation, browser: httpx.Client) -> None:
        self.federation, self.hub, self.browser = federation, federation.hub, browser
        federation.sign_in(browser, "ana")
        self.hub.begin()
        self.job = self.hub.wait_serving(60)
        scopes = [f"access:servers!server={self.hub.user}/"]
        made = self.hub.api("POST", f"/users/{self.hub.user}/tokens", {"note": "t", "scopes": scopes})
        self.key = {"Authorization": f"token {made.json()['token']}"}
        url = f"http://127.0.0.1:{self.hub.ports.hub}/hub/api/beamside/token"
        self.token = str(httpx.get(url, headers=self.key, trust_env=False, timeout=30).json()["access_token"])

    def enter(self) -> httpx.Response:
        """Sign in again; an institution where she is still signed in asks nothing."""
        page = self.browser.get("/hub/oauth_login", follow_redirects=True)
        if 'name="password"' not in page.text:
            return page
        secret = {"login": "ana", "password": self.hub.password()}
        return self.browser.post(page.url, data=secret, follow_redirects=True)

    def is_in(self) -> bool:
        """Whether the browser's session counts."""
        return self.browser.get("/hub/home").status_code == 200

    def wait_out(self) -> str:
        """Wait until it does not; returns what the page then says."""
        wait_until(lambda: not self.is_in(), seconds=60, pause=0.5, otherwise=lambda: self.hub.log("hub"))
        return self.federation.words(self.browser.get("/hub/home", follow_redirects=True))

    def tokens(self) -> tuple[int, int]:
        """How hub and facility answer tokens from before."""
        hub = f"http://127.0.0.1:{self.hub.ports.hub}/hub/api/user"
        facility = f"http://127.0.0.1:{self.hub.ports.facility}/identity/me"
        bearer = {"Authorization": f"Bearer {self.token}"}
        asked = [(hub, self.key), (facility, bearer)]
        replies = [httpx.get(url, headers=head, trust_env=False, timeout=30).status_code for url, head in asked]
        return replies[0], replies[1]

    def wait_tokens_over(self) -> None:
        """Wait until none of them counts; the facility may remember one for half a minute."""
        wait_until(
            lambda: {401, 403} >= set(self.tokens()), seconds=60, pause=1.0, otherwise=lambda: str(self.tokens())
        )


def leave(federation: Federation, *logins: str) -> list[Any]:
    """Let people leave the institution, which goes on; returns who was there."""
    known = json.loads(federation.provider_file.read_text(encoding="utf-8"))
    before = known["people"]
    take_in(federation, [person for person in before if person["login"] not in logins])
    return list(before)


def take_in(federation: Federation, people: list[Any]) -> None:
    """Let the institution know exactly these."""
    known = json.loads(federation.provider_file.read_text(encoding="utf-8"))
    federation.provider_file.write_text(json.dumps({**known, "people": people}), encoding="utf-8")
    seen = federation.hub.log("institution", 1_000_000).count("people are known now")
    os.killpg(federation.hub.processes["institution"].pid, signal.SIGHUP)
    wait_until(
        lambda: federation.hub.log("institution", 1_000_000).count("people are known now") > seen,
        seconds=30, otherwise=lambda: federation.hub.log("institution"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def watched_federation(told_federation: Federation) -> Iterator[Federation]:
    """A site that asks every second, and keeps servers."""
    with told_federation.configured(hub_lines=WATCHED):
        yield told_federation


@pytest.fixture
def ana(watched_federation: Federation, federation: Federation) -> Iterator[Ana]:
    """Ana at that site."""
    with federation.browser() as browser:
        yield Ana(federation, browser)
    federation.entered("ana")


def test_who_leaves_home_is_out_reads_why_and_finds_the_kept_server_again(ana: Ana) -> None:
    """No session and no token is left; the job runs on. Back at home, ana enters, reads it once more, and goes on."""
    federation, before = ana.federation, leave(ana.federation, "ana")
    try:
        page = ana.wait_out()
        ana.wait_tokens_over()
        refused = ana.enter()
    finally:
        take_in(federation, before)
    jobs = ana.hub.jobs()
    back = ana.enter()
    home = federation.words(ana.browser.get("/hub/home"))

    assert "You were signed out" in page and "no longer vouches" in page and "extension 4711" in page
    assert "Your server goes on" in page
    assert refused.url.host and "/hub/" not in refused.url.path
    assert [(ana.job, "RUNNING")] == jobs
    assert 200 == back.status_code and "You were signed out" in home
    assert ana.job == ana.hub.wait_serving()
    assert f"{ana.hub.user} departed (home" in ana.hub.log("hub", 1_000_000)


def test_an_institution_that_merely_does_not_answer_ends_nothing(ana: Ana) -> None:
    """Round after round: the hub says that it knows nothing, and session, tokens and server stay."""
    ana.hub.kill("institution")
    told = "nothing can be said of"
    seen = ana.hub.log("hub", 1_000_000).count(told)
    wait_until(
        lambda: ana.hub.log("hub", 1_000_000).count(told) >= seen + 2,
        seconds=60, otherwise=lambda: ana.hub.log("hub"),
    )  # fmt: skip
    state = (ana.is_in(), ana.tokens(), ana.hub.jobs())
    ana.hub.start("institution")
    ana.hub.wait_up()

    assert (True, (200, 200), [(ana.job, "RUNNING")]) == state


def test_an_account_that_may_not_be_used_any_more_ends_the_session_with_words(ana: Ana) -> None:
    """The account was made anew, as for somebody else: ana is out, reads whom to ask, and nothing is a traceback."""
    where = ana.hub.place / "facility" / "identity.sqlite3"
    log = len(ana.hub.log("hub", 10_000_000))

    def move(by: int) -> None:
        with sqlite3.connect(where, timeout=30) as database:
            database.execute("UPDATE links SET uid = coalesce(uid, ?) + ?", (where.stat().st_uid, by))

    move(1)
    try:
        page = ana.wait_out()
        again = ana.enter()
    finally:
        move(-1)

    assert "can no longer be used" in page and "extension 4711" in page
    assert 403 == again.status_code and "made anew" in ana.federation.words(again)
    assert "Traceback" not in ana.hub.log("hub", 10_000_000)[log:]


def test_a_link_that_is_parted_ends_the_session_and_the_page_of_strangers_says_so(ana: Ana) -> None:
    """Who signs in again reads that no account is linked any more, and why the session ended."""
    link = [f"--iss={ana.hub.plan.issuer}", f"--sub={ana.hub.subjects['ana']}", f"--user={ana.hub.user}"]
    ana.federation.register("unlink", *link)
    try:
        page = ana.wait_out()
        stranger = ana.enter()
    finally:
        ana.federation.register("link", *link)

    assert "no longer linked to your account" in page
    words = ana.federation.words(stranger)
    assert 403 == stranger.status_code and "No account here" in words and "You were signed out" in words


def test_a_site_may_stop_the_servers_and_its_operators_read_of_it(federation: Federation) -> None:
    """The job ends, its end says why, and the operators' page lists who left, when, and that they are back."""
    hub = federation.hub
    with federation.configured(hub_lines=STOPS), federation.browser() as browser:
        ana = Ana(federation, browser)
        before = leave(federation, "ana")
        try:
            page = ana.wait_out()
            hub.wait_no_job()
            wait_until(
                lambda: not hub.query("SELECT nonce FROM intents WHERE closed IS NULL"),
                seconds=60, otherwise=lambda: hub.log("hub"),
            )  # fmt: skip
        finally:
            take_in(federation, before)
        ana.enter()
        hub.api("POST", "/groups/overseers/users", {"users": [hub.user]}).raise_for_status()
        operators = federation.words(browser.get("/hub/beamside/operator"))
        hub.api("DELETE", "/groups/overseers/users", {"users": [hub.user]}).raise_for_status()
        ends = hub.query("SELECT kind, outcome FROM intents WHERE closed IS NOT NULL ORDER BY closed DESC LIMIT 1")

    assert "Your server was stopped" in page
    assert [("departed", True)] == [(kind, "sign-in" in words) for kind, words in ends]
    listed = operators.partition("People whose sign-in ended")[2]
    assert all(word in listed for word in (hub.user, "home", "invalid_grant", "Your server was stopped", "back"))
