"""What every page shows at its top, and what a person's home page says of the servers: on a whole hub."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


def wait_shown(client: httpx.Client, path: str, wanted: str) -> str:
    """Load a page again until it shows what is wanted."""
    last = [""]

    def shows() -> bool:
        last[0] = client.get(path).text
        return wanted in last[0]

    wait_until(shows, seconds=60, pause=0.2, otherwise=lambda: f"{wanted!r} is not on {path}: {last[0][-3000:]}")
    return last[0]


def test_an_outage_is_on_login_home_and_spawn_pages(
    hub: HubAtWork, browser: httpx.Client, announce: Callable[[str, datetime], None]
) -> None:
    """With its time in UTC, a word for its severity, and whatever signs it holds shown as they are."""
    starts = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    announce("<script>alert(1)</script> power & cooling", starts)

    home = wait_shown(browser, "/hub/home", "power &amp; cooling")
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=30, follow_redirects=True) as stranger:
        pages = [home, browser.get("/hub/spawn").text, stranger.get("/hub/login").text]

    for page in pages:
        assert "&lt;script&gt;alert(1)&lt;/script&gt; power &amp; cooling" in page
        assert "<script>alert(1)" not in page
        assert f'datetime="{starts.isoformat()}"' in page
        assert "<strong>Planned</strong>" in page


def test_a_facility_that_is_down_leaves_the_last_known_with_its_age(
    hub: HubAtWork, browser: httpx.Client, announce: Callable[[str, datetime], None]
) -> None:
    """The page comes at once, says what was known, and that nothing new is; afterwards it is gone."""
    announce("the pumps stand still", datetime.now(UTC) - timedelta(hours=1))
    wait_shown(browser, "/hub/home", "the pumps stand still")
    hub.kill("facility")

    page = wait_shown(browser, "/hub/home", "The facility service does not answer.")
    hub.start("facility")
    hub.wait_up()

    assert re.search(r"What is said here is \d+ s old", page)
    assert "the pumps stand still" in page
    wait_until(lambda: "does not answer" not in browser.get("/hub/home").text, seconds=60, otherwise=lambda: "it stays")


def test_an_institution_that_is_away_is_on_the_login_page_and_sessions_go_on(
    hub: HubAtWork, browser: httpx.Client
) -> None:
    """Who comes reads why signing in does not work; who is signed in works on."""
    hub.kill("institution")
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=30) as stranger:
        page = wait_shown(stranger, "/hub/login", "Signing in is not possible right now")

    assert "Out of order: Sign-in" in page
    assert hub.plan.issuer in page
    assert 200 == browser.get("/hub/spawn").status_code


def test_the_home_page_says_what_each_server_does(hub: HubAtWork, browser: httpx.Client) -> None:
    """State, job, node and time left of the default server; a named one that waits says why."""
    before = browser.get("/hub/home").text
    hub.begin()
    hub.wait_serving()
    job = hub.wait_job("RUNNING")
    hub.set_fault("sbatch", "held")
    hub.begin(server="spare")
    wait_until(lambda: len(hub.jobs()) == 2, seconds=60, otherwise=lambda: f"jobs are {hub.jobs()}")

    page = wait_shown(browser, "/hub/home", "Held by its owner")

    assert "not running" in before
    row = re.search(r"Default server</th>(.*?)</tr>", page, re.DOTALL)
    assert row is not None
    assert re.search(rf"<strong>running</strong>\. \d+ min left\.\s+It ends\s+<time .*{job} on \w+", row[1], re.DOTALL)
    assert re.search(r"spare</th>.*?<strong>waiting</strong>\. In the queue \(PENDING\)\. Held", page, re.DOTALL)
    assert "Open my server" in row[1]
