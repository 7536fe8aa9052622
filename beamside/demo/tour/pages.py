"""The hub's other pages as a person uses them: home, keys, operations, a start called off, how a server ended."""

from __future__ import annotations

import re
import time

from playwright.sync_api import Browser, BrowserContext, Page, expect

from beamside.demo.tour import hub
from beamside.demo.tour.record import TourStopped

PATIENCE = 120.0
"""Seconds in which a page shows what it learns from elsewhere."""


def look_until(page: Page, address: str, words: str) -> None:
    """Load a page again until it shows these words. Raises TourStopped when it does not within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while True:
        page.goto(address)
        if page.get_by_text(words).first.is_visible():
            return
        if time.monotonic() > end:
            raise TourStopped(f"{address} does not show {words!r} within {PATIENCE:g} s")
        page.wait_for_timeout(500)


def look_home(page: Page, hub_url: str, announced: str) -> str:
    """The home page with what is announced; returns what it says of the default server."""
    look_until(page, f"{hub_url}hub/home", announced)
    row = page.get_by_role("row", name=re.compile("Default server"))
    return row.inner_text().replace("\t", " · ").replace("\n", " ")


def look_at_keys(page: Page, hub_url: str) -> list[str]:
    """The page of sign-ins and keys, reached by its link; returns what it says of each sign-in."""
    page.goto(f"{hub_url}hub/home")
    page.get_by_role("link", name="Identities and keys").click()
    expect(page.get_by_role("heading", name="Identities and keys")).to_be_visible()
    expect(page.get_by_text("You are signed in by this one.")).to_be_visible()
    return [" ".join(text.split()) for text in page.locator("main .list-group").first.locator("li").all_inner_texts()]


def cancel_start(page: Page, hub_url: str) -> str:
    """Cancel the start that the waiting page is about; returns the question that is asked first."""
    page.get_by_role("link", name=re.compile("Cancel this start")).click()
    question = page.get_by_text(re.compile(r"Its job \d+ is cancelled"))
    expect(question).to_be_visible()
    words = question.inner_text()
    page.get_by_role("button", name="Cancel it").click()
    page.wait_for_url(f"{hub_url}hub/home", timeout=PATIENCE * 1000)
    return words


def read_end(page: Page, hub_url: str, server: str) -> str:
    """What the page at a server's address says of how it ended, once the hub has let go of it."""
    end = time.monotonic() + PATIENCE
    told = page.locator("[data-kind]")
    while True:
        page.goto(f"{server}lab")
        if told.first.is_visible():
            return " ".join(told.first.inner_text().split())
        if time.monotonic() > end:
            raise TourStopped(f"{server} does not say how the server ended within {PATIENCE:g} s; see {hub_url}")
        page.wait_for_timeout(500)


def enter_as(browser: Browser, hub_url: str, login: str, password: str) -> BrowserContext:
    """Somebody else's browser, signed in; its page is the first of it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    hub.sign_in(page, hub_url, login, password)
    hub.submit_sign_in(page, hub_url)
    return context


def look_at_operations(page: Page, hub_url: str, user: str) -> str:
    """The operator's page, reached by its link; returns what it says of this user's server."""
    page.goto(f"{hub_url}hub/home")
    page.get_by_role("link", name="Operations").click()
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    row = page.get_by_role("region", name="Servers").get_by_role("row", name=re.compile(f"^{re.escape(user)} "))
    expect(row).to_be_visible()
    return " · ".join(row.inner_text().split("\t"))
