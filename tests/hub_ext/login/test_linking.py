"""The page of somebody who has no account here: both ways on, by a browser's own steps, without JavaScript."""

from __future__ import annotations

import os
import re
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest

from facility.service.identity.requests import ALPHABET
from hub_ext.login.strangers import KEPT, MOST, Stranger, Strangers

if TYPE_CHECKING:
    from .conftest import Federation

BAD_NAMES = ["alice ", "\uff41\uff4e\uff41", "root", "../ana", "nobody-here", "daemon", "ANA", "a\u0301na"]


def rows(federation: Federation, statement: str, *values: object) -> list[tuple]:
    """Look into identity's database, or put something there as no route would."""
    with sqlite3.connect(federation.hub.place / "facility" / "identity.sqlite3", timeout=30) as database:
        return database.execute(statement, values).fetchall()


def press(browser: httpx.Client, page: httpx.Response) -> httpx.Response:
    """Press the button that asks the operators."""
    action = re.search(r'<form method="post" action="([^"]+linking)"', page.text)
    token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    assert action and token, page.text
    return browser.post(action[1], data={"_xsrf": token[1]}, follow_redirects=True)


@pytest.fixture
def unlinked(federation: Federation) -> Federation:
    """Ben of the institution has no link and no wish."""
    for table in ("links", "link_wishes"):
        rows(federation, f"DELETE FROM {table} WHERE subject = ?", federation.hub.subjects["ben"])
    return federation


@pytest.mark.slurm
def test_the_page_offers_both_ways_and_goes_on_when_the_identity_is_linked(unlinked: Federation) -> None:
    """A code, and a button; "Try again" enters as soon as it is linked, without signing in once more."""
    hub = unlinked.hub
    with unlinked.browser() as browser:
        page = unlinked.sign_in(browser, "ben")
        asked = press(browser, page)
        again = press(browser, page)
        before = browser.get("/hub/linking", headers={"Accept": "application/json"}).json()
        wishes = rows(unlinked, "SELECT state FROM link_wishes WHERE subject = ?", hub.subjects["ben"])
        now = datetime.now(UTC).isoformat(sep=" ")
        insert = "INSERT INTO links (issuer, subject, user, linked_at, linked_by, how, assurance, institution)"
        rows(
            unlinked,
            f"{insert} VALUES (?, ?, ?, ?, 'x', '', '', '')",
            hub.plan.issuer,
            hub.subjects["ben"],
            hub.user,
            now,
        )
        after = browser.get("/hub/linking", headers={"Accept": "application/json"}).json()
        entered = browser.get("/hub/linking", follow_redirects=True)

    assert 403 == page.status_code
    assert re.search(rf"beamside link ([{ALPHABET}]{{4}}-?){{3}}", page.text)
    assert all("You asked on" in unlinked.words(found) for found in (asked, again))
    assert [("waiting",)] == wishes
    assert ({"linked": False, "wish": "waiting"}, True) == (before, after["linked"])
    assert entered.url.path.endswith(("/hub/spawn", "/hub/home"))


@pytest.mark.slurm
def test_a_refusal_is_told_with_its_word(unlinked: Federation) -> None:
    """The person reads why, and that asking again within a day is in vain."""
    with unlinked.browser() as browser:
        press(browser, unlinked.sign_in(browser, "ben"))
        now = datetime.now(UTC).isoformat(sep=" ")
        rows(unlinked, "UPDATE link_wishes SET state = 'refused', word = 'who <b>are</b> you', decided_at = ?", now)
        told = browser.get("/hub/linking")
        again = press(browser, told)

    assert "who &lt;b&gt;are&lt;/b&gt; you" in told.text
    assert (403, True) == (again.status_code, "ask again a day later" in unlinked.words(again))


@pytest.mark.slurm
def test_nobody_else_gets_at_a_strangers_page(unlinked: Federation) -> None:
    """Without the cookie, which reaches the hub's pages alone, and without the page's token nothing is asked."""
    with unlinked.browser() as browser, unlinked.browser() as other:
        page = unlinked.sign_in(browser, "ben")
        cookie = next(cookie for cookie in browser.cookies.jar if cookie.name == "beamside-linking")
        forged = browser.post("/hub/linking", data={})
        elsewhere = other.get("/hub/linking")

    assert 403 == page.status_code
    assert "/hub/" == cookie.path and cookie.has_nonstandard_attr("HttpOnly")
    assert (403, 302) == (forged.status_code, elsewhere.status_code)
    assert [] == rows(unlinked, "SELECT id FROM link_wishes")


@pytest.mark.slurm
def test_a_link_to_a_name_that_is_no_persons_enters_nowhere(unlinked: Federation) -> None:
    """Whatever wrote it into the table: the person reads a page with words, and no hub user is made."""
    hub = unlinked.hub
    before = {user["name"] for user in hub.api("GET", "/users").json()}
    now = datetime.now(UTC).isoformat(sep=" ")
    insert = "INSERT INTO links (issuer, subject, user, linked_at, linked_by, how, assurance, institution)"
    rows(unlinked, f"{insert} VALUES (?, ?, 'x', ?, 'x', '', '', '')", hub.plan.issuer, hub.subjects["ben"], now)
    seen = []
    with unlinked.browser() as browser:
        unlinked.sign_in(browser, "ben")
        for name in BAD_NAMES:
            rows(unlinked, "UPDATE links SET user = ? WHERE subject = ?", name, hub.subjects["ben"])
            page = browser.get("/hub/oauth_login", follow_redirects=True)
            seen.append((page.status_code, "account" in unlinked.words(page), "Traceback" in page.text))
    rows(unlinked, "DELETE FROM links WHERE subject = ?", hub.subjects["ben"])

    assert [(403, True, False)] * len(BAD_NAMES) == seen
    assert before == {user["name"] for user in hub.api("GET", "/users").json()}


class Browser:
    """As much of a request's handler as a cookie needs."""

    def __init__(self) -> None:
        self.hub = type("Hub", (), {"base_url": "/hub/"})
        self.cookie = ""

    def _set_cookie(self, name: str, value: str, **_: object) -> None:
        self.cookie = value

    def get_secure_cookie(self, name: str) -> bytes:
        """The one that was set."""
        return self.cookie.encode()


def test_a_stranger_is_known_for_ten_minutes_and_there_are_so_many() -> None:
    """Then one signs in again; without any cookie one is nobody."""
    clock, browsers = [0.0], [Browser() for _ in range(MOST + 1)]
    known = Strangers(lambda: clock[0])
    for number, browser in enumerate(browsers):
        known.remember(browser, Stranger("https://i", str(number), "", os.urandom(4).hex()))

    assert (None, "1") == (known.of(browsers[0]), known.of(browsers[1]).subject)
    assert known.of(Browser()) is None
    clock[0] += KEPT
    assert known.of(browsers[1]) is None
