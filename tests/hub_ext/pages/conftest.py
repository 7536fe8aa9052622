"""The hub's pages in Chromium, and what there is to announce on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork


@pytest.fixture
def page(chromium: Browser, hub: HubAtWork) -> Iterator[Page]:
    """A page on which ana has signed in; an error on its console fails the test."""
    page = chromium.new_page(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
    page.set_default_timeout(90_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    hub.let_in(page)
    yield page
    page.close()
    assert problems == []


@pytest.fixture
def announce(hub: HubAtWork) -> Callable[[str, datetime], None]:
    """Writes an outage of two hours into the operator's file."""

    def write(words: str, starts: datetime) -> None:
        ends = starts + timedelta(hours=2)
        text = f'[[outage]]\nstarts = {starts.isoformat()}\nends = {ends.isoformat()}\ndescription = "{words}"\n'
        hub.set_fault("outages.toml", text)

    return write


@pytest.fixture
def overseer(hub: HubAtWork) -> Iterator[None]:
    """Ana is in the group whose role sees everybody's servers."""
    hub.api("POST", "/groups/overseers/users", {"users": [hub.user]}).raise_for_status()
    yield
    hub.api("DELETE", "/groups/overseers/users", {"users": [hub.user]}).raise_for_status()
