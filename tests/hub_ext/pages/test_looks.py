"""The pages in a real browser: nothing for axe to find in either theme, worked by keyboard, times in one's own zone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from hub_ext.departed.store import visitor_of

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4')].filter(h => h.checkVisibility()).map(h => +h.tagName[1])"


@pytest.mark.usefixtures("overseer")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    hub: HubAtWork, page: Page, theme: str, announce: Callable[[str, datetime], None]
) -> None:
    """Names, roles, contrast and landmarks, with announcements of every severity above them."""
    announce("new cooling", datetime.now(UTC) + timedelta(days=1))
    hub.begin()
    hub.wait_serving()
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    problems = []
    for path in ("home", "beamside/me", "beamside/operator"):
        page.goto(f"{hub.plan.hub_url.rstrip('/')}/hub/{path}")
        page.wait_for_function(f"document.documentElement.dataset.bsTheme === '{theme}'")
        found = Axe().run(page, options=WCAG)
        if found.violations_count:
            problems.append(f"{path}: {found.generate_report()}")
        levels = page.evaluate(HEADINGS)
        assert levels[0] == 1, f"{path} has no heading of its own"
        assert all(after - before <= 1 for before, after in pairwise(levels)), path

    assert [] == problems


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way_in(hub: HubAtWork, page: Page, theme: str, unlinked: None) -> None:
    """The sign-in page, also for whom the hub signed out, and the page of somebody without an account, asked or not."""
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    home = f"{hub.plan.hub_url.rstrip('/')}/hub"
    problems = []

    def look(words: str) -> None:
        expect(page.get_by_text(words).first).to_be_visible()
        page.wait_for_function(f"document.documentElement.dataset.bsTheme === '{theme}'")
        found = Axe().run(page, options=WCAG)
        levels = page.evaluate(HEADINGS)
        if found.violations_count or levels[0] != 1 or any(after - before > 1 for before, after in pairwise(levels)):
            problems.append(f"{words}: {levels} {found.generate_report()}")

    page.context.clear_cookies(name="jupyterhub-hub-login")
    page.goto(f"{home}/login")
    look("You were signed out")
    page.context.clear_cookies()
    page.goto(f"{home}/login")
    look("Sign in")
    page.goto(f"{home}/oauth_login")
    page.fill("input[name=login]", "ben")
    page.fill("input[name=password]", hub.password("ben"))
    page.press("input[name=password]", "Enter")
    look("If you have none, or that does not work")
    page.get_by_role("button", name="Ask for an account").click()
    look("You asked on")

    assert [] == problems


@pytest.fixture
def unlinked(hub: HubAtWork, page: Page) -> Iterator[None]:
    """Ben of the institution has no link and asks for nothing; ana, who is signed in, was signed out by the hub."""
    with sqlite3.connect(hub.folder / "hub.sqlite", timeout=30) as database:
        cookie_id = database.execute("SELECT cookie_id FROM users WHERE name = ?", (hub.user,)).fetchone()[0]
    rows = (hub.user, hub.plan.issuer, "x", "home", "gone", visitor_of(cookie_id), 2e9)
    departures, ben = hub.folder / "departures.sqlite", (hub.subjects["ben"],)

    def forget() -> None:
        with sqlite3.connect(hub.place / "facility" / "identity.sqlite3", timeout=30) as database:
            for table in ("links", "link_wishes"):
                database.execute(f"DELETE FROM {table} WHERE subject = ?", ben)
        with sqlite3.connect(departures, timeout=30) as database:
            database.execute("DELETE FROM departures")

    forget()
    with sqlite3.connect(departures, timeout=30) as database:
        names = "user, issuer, subject, why, told, visitor, at"
        database.execute(f"INSERT INTO departures ({names}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    yield
    forget()


def test_times_are_shown_in_the_readers_zone(
    hub: HubAtWork, page: Page, announce: Callable[[str, datetime], None]
) -> None:
    """The page holds UTC; the reader sees the own clock's time."""
    starts = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    announce("new windows", starts)
    page.goto(f"{hub.plan.hub_url.rstrip('/')}/hub/home")
    while not page.get_by_text("new windows").count():
        page.wait_for_timeout(500)
        page.reload()

    time = page.get_by_role("listitem").filter(has_text="new windows").locator("time").first
    wanted = page.evaluate(
        "at => new Date(at).toLocaleString([], {weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit',"
        " minute: '2-digit', timeZoneName: 'short'})",
        starts.isoformat(),
    )
    expect(time).to_have_text(wanted)


def test_a_key_is_registered_by_keyboard_alone(hub: HubAtWork, page: Page) -> None:
    """Tab reaches every field in its order, space ticks, Enter sends."""
    page.goto(f"{hub.plan.hub_url.rstrip('/')}/hub/beamside/me")
    page.get_by_label("Name").focus()
    page.keyboard.type("by hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("input[name=scopes]").first).to_be_checked()
    page.get_by_label("Name").press("Enter")

    expect(page.get_by_role("heading", name="The key by hand is registered")).to_be_visible()
    page.get_by_role("listitem").filter(has_text="by hand").locator("summary").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Programs that use by hand shall stop working").press("Space")
    page.get_by_role("button", name="End this key").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The key is ended")


@pytest.mark.parametrize("path", ["token", "no-such-page", "spawn/{user}/Bad%20Name"])
def test_jupyterhubs_own_pages_have_a_landmark_and_words(hub: HubAtWork, page: Page, path: str) -> None:
    """Nothing for axe to find there either; an error says what it is and leads on."""
    page.goto(f"{hub.plan.hub_url.rstrip('/')}/hub/{path.format(user=hub.user)}")
    found = Axe().run(page, options=WCAG)

    assert 0 == found.violations_count, found.generate_report()
    if path != "token":
        expect(page.get_by_role("link", name="Your servers")).to_be_visible()
        assert "None" not in page.get_by_role("heading", level=1).inner_text()


def test_a_narrow_window_needs_no_sideways_scrolling(hub: HubAtWork, page: Page) -> None:
    """On a telephone: the form with what a request comes to, and the page of one's servers."""
    page.set_viewport_size({"width": 360, "height": 740})
    for path, words in (("spawn", "Runs on"), ("home", "Your servers")):
        page.goto(f"{hub.plan.hub_url.rstrip('/')}/hub/{path}")
        expect(page.get_by_text(words).first).to_be_visible()
        assert 360 >= page.evaluate("document.documentElement.scrollWidth"), path


def test_the_button_of_the_sign_in_page_names_no_protocol(hub: HubAtWork, page: Page) -> None:
    """People know their institution, not how it is spoken with."""
    page.context.clear_cookies()
    page.goto(f"{hub.plan.hub_url.rstrip('/')}/hub/login")

    expect(page.get_by_role("button", name="Sign in with your home institution")).to_be_visible()
