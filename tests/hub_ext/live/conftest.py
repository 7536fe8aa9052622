"""The spawn form of a hub at work in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork


@pytest.fixture
def open_form(chromium: Browser, hub: HubAtWork) -> Iterator[Callable[..., Page]]:
    """Opens ana's spawn form in a window of its own; an error on its console fails the test."""
    opened: list[Page] = []
    problems: list[str] = []

    def form(**settings: Any) -> Page:
        page = chromium.new_page(viewport={"width": 1200, "height": 1400}, reduced_motion="reduce", **settings)
        opened.append(page)
        page.set_default_timeout(90_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        hub.let_in(page)
        page.goto(f"{hub.plan.hub_url.rstrip('/')}/hub/spawn")
        return page

    yield form
    for page in opened:
        page.close()
    assert problems == []
