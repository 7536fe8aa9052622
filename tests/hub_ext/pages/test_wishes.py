"""An operator decides on the page who is linked: by forms alone, as that operator, and nobody else may."""

from __future__ import annotations

import html
import re
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from beamside.demo.processes import wait_until

from .test_looks import WCAG

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

PAGE = "/hub/beamside/operator"


def rows(hub: HubAtWork, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Look into identity's database, or tidy it."""
    with sqlite3.connect(hub.place / "facility" / "identity.sqlite3", timeout=30) as database:
        return database.execute(statement, values).fetchall()


def forget(hub: HubAtWork) -> None:
    """Ben of the institution has no link and no wish."""
    for table in ("links", "link_wishes"):
        rows(hub, f"DELETE FROM {table} WHERE subject = ?", hub.subjects["ben"])


def set_level(hub: HubAtWork, level: str) -> None:
    """Let accounting call ana an operator, or no longer, and the facility know it."""
    hub.slurm.run("sacctmgr", "-i", "modify", "user", hub.user, "set", f"adminlevel={level}")
    hub.kill("facility")
    hub.start("facility")
    hub.wait_up()


@pytest.fixture
def stranger(hub: HubAtWork) -> Iterator[httpx.Client]:
    """The browser of ben, who signed in at home and asked for an account."""
    forget(hub)
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=60, follow_redirects=True) as client:
        page = client.get("/hub/oauth_login")
        page = client.post(page.url, data={"login": "ben", "password": hub.password("ben")})
        ask(client, page)
        yield client
    forget(hub)


def ask(client: httpx.Client, page: httpx.Response) -> None:
    """Press the button of somebody who has no account."""
    token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    assert token is not None, page.text[-3000:]
    client.post("/hub/linking", data={"_xsrf": html.unescape(token[1])})


@pytest.fixture
def operator(hub: HubAtWork, overseer: None) -> Iterator[None]:
    """Ana is an operator of hub and scheduler for one test."""
    try:
        set_level(hub, "operator")
        yield
    finally:
        set_level(hub, "none")


def wish_of(hub: HubAtWork) -> str:
    """The id of ben's wish."""
    return str(rows(hub, "SELECT id FROM link_wishes WHERE subject = ?", hub.subjects["ben"])[0][0])


def post(browser: httpx.Client, **fields: str) -> httpx.Response:
    """Send one of the page's forms, with the page's own token."""
    found = re.search(r'name="_xsrf" value="([^"]+)"', browser.get("/hub/beamside/me").text)
    assert found is not None
    return browser.post(PAGE, data={"_xsrf": html.unescape(found[1]), **fields})


@pytest.mark.usefixtures("operator")
def test_an_operator_refuses_with_a_word_and_approves(
    hub: HubAtWork, stranger: httpx.Client, browser: httpx.Client, page: Page
) -> None:
    """The page says what was done or what lacks; ben reads the word, asks again, and enters; axe finds nothing."""
    wait_until(
        lambda: hub.subjects["ben"] in browser.get(PAGE).text,
        seconds=60, pause=0.5, otherwise=lambda: browser.get(PAGE).text[-4000:],
    )  # fmt: skip
    problems = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
        page.goto(f"{hub.plan.hub_url.rstrip('/')}{PAGE}")
        page.wait_for_function(f"document.documentElement.dataset.bsTheme === '{theme}'")
        found = Axe().run(page, options=WCAG)
        problems += [found.generate_report()] if found.violations_count else []
    lacking = [post(browser, act="approve", wish=wish_of(hub)), post(browser, act="approve", wish="../x", account="a")]
    lacking.append(post(browser, act="approve", wish="../x", account="a", sure="yes"))
    nobody = post(browser, act="approve", wish=wish_of(hub), account="root", sure="yes")
    refused = post(browser, act="refuse", wish=wish_of(hub), word="who <b>are</b> you")
    told = stranger.get("/hub/linking")
    forget(hub)
    ask(stranger, told)
    approved = post(browser, act="approve", wish=wish_of(hub), account=hub.user, sure="yes")
    entered = stranger.get("/hub/linking")
    by = rows(hub, "SELECT user, linked_by FROM links WHERE subject = ?", hub.subjects["ben"])

    assert [] == problems
    assert [400, 400, 400] == [reply.status_code for reply in lacking]
    assert "account: name" in lacking[0].text and "sure: tick" in lacking[1].text and "wish: it was" in lacking[2].text
    assert 403 == nobody.status_code and "Nothing was changed" in nobody.text
    assert "is refused" in refused.text and "who &lt;b&gt;are&lt;/b&gt; you" in told.text
    assert "The sign-in is linked" in approved.text
    assert entered.url.path.endswith(("/hub/spawn", "/hub/home"))
    assert [(hub.user, hub.user)] == by


def test_nobody_else_decides(hub: HubAtWork, stranger: httpx.Client, browser: httpx.Client) -> None:
    """Neither a plain person, nor a form without the page's token, nor one whom only the hub calls an operator."""
    wish = {"act": "approve", "wish": wish_of(hub), "account": hub.user, "sure": "yes"}
    plain = post(browser, **wish)
    hub.api("POST", "/groups/overseers/users", {"users": [hub.user]}).raise_for_status()
    forged, half = browser.post(PAGE, data=wish), post(browser, **wish)
    hub.api("DELETE", "/groups/overseers/users", {"users": [hub.user]}).raise_for_status()

    assert [403, 403, 403] == [reply.status_code for reply in (plain, forged, half)]
    assert "Nothing was changed" in half.text
    assert [] == rows(hub, "SELECT user FROM links WHERE subject = ?", hub.subjects["ben"])
