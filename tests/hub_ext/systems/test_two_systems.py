"""One hub over two real Slurms: each server lives on its own system, and neither system waits for the other."""

from __future__ import annotations

import contextlib
import html
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from beamside.demo.processes import wait_until
from tests.hub_ext.conftest import register

if TYPE_CHECKING:
    from tests.hub_ext.systems.conftest import TwoSystems

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(900)]  # a Slurm of its own and three starts of a hub

ANNEX = {"system": "annex", "walltime": "0:08"}


def words(page: httpx.Response) -> str:
    """What a page says, in one line."""
    text = re.sub(r"<(script|style).*?</\1>", " ", page.text, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def profile_of(two: TwoSystems, name: str) -> str:
    """What a server finds as its BEAMSIDE_PROFILE."""
    hub = two.hub
    return httpx.get(f"http://127.0.0.1:{hub.ports.proxy}/user/{hub.user}/{name}/profile", trust_env=False).text


def systems_of_open(two: TwoSystems) -> dict[str, tuple[str, str]]:
    """Server to its system and job, as the hub wrote them down."""
    rows = two.hub.query("SELECT server, system, job_id FROM intents WHERE closed IS NULL")
    return {server: (system, job) for server, system, job in rows}


def test_a_restarted_hub_keeps_a_server_on_each_system(two: TwoSystems) -> None:
    """Each job is on the Slurm that was chosen, knows that system's profile, and outlives the hub's kill -9."""
    hub = two.hub
    hub.begin(server="here")
    hub.begin(ANNEX, server="there")
    here, there = hub.wait_serving(90, "here"), hub.wait_serving(90, "there")

    assert ([here], [there]) == ([job for job, _ in hub.jobs()], two.jobs_at_annex())
    assert (str(hub.place / "facility.toml"), str(two.profile)) == (profile_of(two, "here"), profile_of(two, "there"))
    two.restart_hub()

    assert (here, there) == (hub.wait_serving(90, "here"), hub.wait_serving(90, "there"))
    assert {"here": ("sidecar", here), "there": ("annex", there)} == systems_of_open(two)
    wait_until(lambda: bool(hub.server("here").get("ready") and hub.server("there").get("ready")), seconds=60,
               otherwise=lambda: hub.log("hub"))  # fmt: skip
    two.stop("here", "there")


def test_a_start_that_was_under_way_on_the_second_system_goes_on(two: TwoSystems) -> None:
    """Killed while its job runs and has not claimed, the hub enters the start again there, and takes the claim."""
    hub = two.hub
    hub.set_fault("closed")
    hub.begin(ANNEX, server="under-way")
    wait_until(lambda: bool(two.jobs_at_annex()), seconds=60, otherwise=lambda: hub.log("hub"))
    hub.kill("hub")
    hub.clear_fault("closed")
    hub.start("hub")
    hub.wait_up()

    assert [hub.wait_serving(90, "under-way")] == two.jobs_at_annex()
    two.stop("under-way")


def test_the_form_leads_to_each_system_without_scripts(two: TwoSystems, reader: httpx.Client) -> None:
    """Cards with what is free; a link shows the other system's form, whose Start goes there; the choice is kept."""
    first = reader.get("/hub/spawn")
    link = re.search(r'href="([^"]*[?]system=annex)"', first.text)
    assert link, first.text
    assert 'name="system" value="sidecar"' in first.text
    second = reader.get(html.unescape(link[1]))
    assert 'name="system" value="annex"' in second.text
    assert "Wait in the ordinary queue of Annex" in second.text
    assert "These choices came with a link" not in words(second)

    action = re.search(r'id="spawn_form" action="([^"]+)"', second.text)
    assert action
    with contextlib.suppress(httpx.ReadTimeout):
        reader.post(html.unescape(action[1]), data={"system": "annex", "walltime": "0:08"})
    job = two.hub.wait_serving(90)

    assert [job] == two.jobs_at_annex()
    page = words(reader.get("/hub/home"))
    assert f"{job} on" in page
    assert "Annex" in page
    two.hub.api("DELETE", f"/users/{two.hub.user}/server")
    two.stop()
    again = reader.get("/hub/spawn")
    assert 'name="system" value="annex"' in again.text
    assert "on annex" in words(again)


def test_a_system_that_is_not_here_is_refused(two: TwoSystems) -> None:
    """By REST as by the form, with its field."""
    reply = two.hub.ask_to_start({"system": "moon"}, server="nowhere")

    assert 400 == reply.status_code
    assert "system: there is no system of that name here; you may choose sidecar, annex" in reply.text


def test_figures_and_the_operators_page_tell_each_system(two: TwoSystems, reader: httpx.Client) -> None:
    """The age of each view of a queue, under the system's name or title."""
    url = f"http://127.0.0.1:{two.hub.ports.hub}/hub/metrics"
    told = httpx.get(url, headers=two.hub.admin, trust_env=False, timeout=30).text

    ages = dict(re.findall(r'^beamside_poll_age_seconds\{system="(\w+)"\} (\S+)$', told, re.MULTILINE))
    assert {"sidecar", "annex"} == set(ages)
    group = {"users": [two.hub.user]}
    two.hub.api("POST", "/groups/overseers/users", group).raise_for_status()
    page = words(reader.get("/hub/beamside/operator"))
    two.hub.api("DELETE", "/groups/overseers/users", group).raise_for_status()
    assert re.search(r"Last look at the queue Sidecar: .* ago; Annex: .* ago Facility's announcements", page), page


def test_a_dead_facility_service_hides_no_other_system(two: TwoSystems, reader: httpx.Client) -> None:
    """The form of the other is whole and starts servers; its own form stands from what was known, and says so."""
    reader.get("/hub/spawn?system=annex")
    two.stop_service()

    def is_noticed() -> bool:
        return "does not answer" in words(reader.get("/hub/spawn?system=sidecar"))

    wait_until(is_noticed, seconds=120, pause=1.0, otherwise=lambda: two.hub.log("hub"))
    page = words(reader.get("/hub/spawn?system=sidecar"))
    assert "The facility does not answer right now" not in page
    assert "ncem-tonight" in page
    assert "The facility does not answer right now" in words(reader.get("/hub/spawn?system=annex"))
    two.hub.begin({"walltime": "0:08"}, server="alive")
    assert two.hub.wait_serving(90, "alive") in [job for job, _ in two.hub.jobs()]
    two.stop("alive")

    two.start_service()


def server_token(two: TwoSystems, server: str) -> dict[str, str]:
    """The header of a facility token, as a server of this name is handed it."""
    hub = two.hub
    made = hub.api("POST", f"/users/{hub.user}/tokens", {"scopes": [f"access:servers!server={hub.user}/{server}"]})
    url, key = f"{hub.hub_api}/beamside/token", {"Authorization": f"token {made.json()['token']}"}
    told = httpx.get(url, headers=key, trust_env=False, timeout=60)
    return {"Authorization": f"Bearer {told.json()['access_token']}"}


def answer(port: int, token: dict[str, str]) -> int:
    """How a facility service answers a token."""
    return httpx.get(f"http://127.0.0.1:{port}/identity/me", headers=token, trust_env=False, timeout=60).status_code


def wait_refused(two: TwoSystems, port: int, token: dict[str, str]) -> None:
    """Wait until it does not count any more; a service may remember one for half a minute."""
    wait_until(lambda: answer(port, token) == 401, seconds=120, pause=1, otherwise=lambda: two.hub.log("hub"))


def test_a_departure_ends_tokens_at_every_facility_also_at_one_that_was_away(
    two: TwoSystems, reader: httpx.Client
) -> None:
    """A link that is gone at the first ends what each handed out; one that did not answer then is told later."""
    hub = two.hub
    reader.get("/hub/home")
    hub.begin(ANNEX, server="far")
    hub.wait_serving(90, "far")
    here, far = server_token(two, "none"), server_token(two, "far")
    assert (200, 200) == (answer(hub.ports.facility, here), answer(two.port, far))
    two.stop_service()
    link = (f"--iss={hub.plan.issuer}", f"--sub={hub.subjects['ana']}", f"--user={hub.user}")
    try:
        register(hub, "unlink", *link)

        wait_until(lambda: "the facility of annex was not told" in hub.log("hub", 100_000), seconds=120,
                   otherwise=lambda: hub.log("hub"))  # fmt: skip
        two.start_service()
        wait_refused(two, hub.ports.facility, here)
        wait_refused(two, two.port, far)
    finally:
        two.start_service()
        register(hub, "link", *link)
        two.stop("far")


def test_axe_finds_nothing_on_the_choice_of_a_system(two: TwoSystems, chromium: Browser) -> None:
    """The cards are links that a keyboard reaches; which system is shown is told to a reader too, in either theme."""
    page = chromium.new_page(viewport={"width": 1200, "height": 1400}, reduced_motion="reduce")
    page.set_default_timeout(90_000)
    two.hub.let_in(page)
    page.goto(f"{two.hub.plan.hub_url.rstrip('/')}/hub/spawn?system=sidecar")
    page.get_by_role("link", name="Annex").press("Enter")
    expect(page.get_by_role("link", name="Annex")).to_have_attribute("aria-current", "true", timeout=90_000)

    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
        page.wait_for_function(f"document.documentElement.dataset.bsTheme === '{theme}'")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]})
        assert 0 == found.violations_count, found.generate_report()
    page.close()
