"""The pages of a start and of an end in a real browser: they follow by themselves, tell, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = [pytest.mark.slurm, pytest.mark.browser]

LONG = 90_000
"""Milliseconds."""

RECORD = """
  window.Notification = class { constructor(words) { localStorage.setItem('told', words); } };
  window.Notification.permission = 'default';
  window.Notification.requestPermission = async () => (window.Notification.permission = 'granted');
"""
"""Headless Chromium shows no notices, so what the page asks for is written down."""

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture
def page(chromium: Browser, hub: HubAtWork) -> Iterator[Page]:
    """A page on which ana has signed in."""
    page = chromium.new_page(reduced_motion="reduce")  # axe must not meet a colour half way to another
    page.set_default_timeout(LONG)
    page.add_init_script(RECORD)
    hub.let_in(page)
    yield page
    page.close()


def assert_clean(page: Page) -> None:
    """Nothing for axe to find, in either theme."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
        page.wait_for_function(f"document.documentElement.dataset.bsTheme === '{theme}'")
        found = Axe().run(page, options=WCAG)
        assert 0 == found.violations_count, found.generate_report()


def test_the_waiting_page_follows_the_job_tells_and_opens_the_server(hub: HubAtWork, page: Page) -> None:
    """Words and the age of Slurm's answer come by themselves; "tell me" tells; then the server's own page is there."""
    hub.set_fault("sbatch", "held")
    hub.begin()
    job = hub.wait_job("PENDING")

    page.goto(f"{hub.plan.hub_url}hub/spawn-pending/{hub.user}")
    expect(page.locator("#progress-message")).to_contain_text(f"Job {job} is waiting in the queue", timeout=LONG)
    expect(page.locator("#bs-estimate")).to_contain_text("Slurm said", timeout=LONG)
    assert_clean(page)
    page.get_by_role("button", name="Keep waiting and tell me").click()
    expect(page.locator("#bs-notify-said")).to_contain_text("Your browser tells you when it is ready")
    hub.slurm.run("scontrol", "release", job, user=hub.user)

    page.wait_for_url(f"**/user/{hub.user}/**")
    expect(page.locator("body")).to_have_text(job)
    page.goto(f"{hub.plan.hub_url}hub/home")
    assert "Your notebook server is ready" == page.evaluate("localStorage.getItem('told')")


def test_cancelling_asks_first_and_what_ended_is_told(hub: HubAtWork, page: Page) -> None:
    """By clicks alone: Cancel, the question, home, and at the server's address what became of it."""
    hub.set_fault("sbatch", "held")
    hub.begin(server="calib")
    job = hub.wait_job("PENDING")

    page.goto(f"{hub.plan.hub_url}hub/spawn-pending/{hub.user}/calib")
    page.locator("#bs-cancel").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cancel the start of the server calib")
    assert_clean(page)
    page.get_by_role("button", name="Cancel it").click()

    page.wait_for_url("**/hub/home")
    hub.wait_no_job()

    def is_told() -> bool:
        page.goto(f"{hub.plan.hub_url}user/{hub.user}/calib/lab")
        return f"Your job {job} was stopped on the hub's pages." in page.locator("main").inner_text()

    # the hub asks Slurm once more before it writes down how the job ended
    wait_until(is_told, seconds=60, otherwise=lambda: page.locator("main").inner_text(), pause=0.5)
    assert_clean(page)
