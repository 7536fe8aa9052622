"""What an open form is told by the hub, asked by plain requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm
LIVE = "/hub/api/beamside/form"
JUDGE = "/hub/api/beamside/form/judge"


def headers(browser: httpx.Client) -> dict[str, str]:
    """What the form's page sends with its questions."""
    token = re.search(r'data-xsrf="([^"]+)"', browser.get("/hub/spawn").text)
    assert token is not None
    return {"X-XSRFToken": token[1], "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}


def address(hub: HubAtWork) -> str:
    """Where the hub itself answers."""
    return f"http://127.0.0.1:{hub.ports.hub}{LIVE}"


def judge(browser: httpx.Client, **choices: object) -> httpx.Response:
    """What these choices come to."""
    return browser.post(JUDGE, json=choices, headers=headers(browser))


def test_the_page_is_told_what_changes(hub: HubAtWork, browser: httpx.Client) -> None:
    """Cards, figures and rules of this person; nobody between may keep it."""
    answer = browser.get(LIVE, headers=headers(browser))
    told = answer.json()

    assert "private, no-cache" == answer.headers["Cache-Control"]
    assert "ncem-tonight" in {r["name"] for r in told["reservations"]}
    assert {"reservation", "qos", "partition"} == set(told["cards"])
    assert told["schema"]["properties"]["partition"]["enum"]
    assert {part["stale"] for part in told["parts"].values()} == {False}


def test_a_page_that_knows_it_all_is_told_so(hub: HubAtWork, browser: httpx.Client) -> None:
    """304 without a body, as long as a page would show the same."""
    asks = headers(browser)

    def unchanged() -> bool:
        known = browser.get(LIVE, headers=asks)
        again = browser.get(LIVE, headers={**asks, "If-None-Match": known.headers["ETag"]})
        return (again.status_code, again.content) == (304, b"")

    wait_until(unchanged, seconds=60, otherwise=lambda: "the form changes without end")


def test_a_page_of_another_site_learns_nothing(hub: HubAtWork, browser: httpx.Client) -> None:
    """Without the token that the hub's own page holds, a signed-in browser is refused; so is everybody else."""
    foreign = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site"}

    assert 403 == browser.get(LIVE, headers=foreign).status_code
    assert 403 == browser.post(JUDGE, json={}, headers=foreign).status_code
    assert 403 == httpx.get(address(hub), trust_env=False).status_code
    assert 403 == httpx.get(address(hub), headers=hub.admin, trust_env=False).status_code


def test_a_token_that_may_not_start_servers_learns_nothing(hub: HubAtWork) -> None:
    """A notebook's own token is such a one."""
    made = hub.api("POST", f"/users/{hub.user}/tokens", {"note": "t", "scopes": ["read:users:name!user"]}).json()

    assert (
        403 == httpx.get(address(hub), headers={"Authorization": f"token {made['token']}"}, trust_env=False).status_code
    )


def test_a_form_that_was_not_opened_is_not_made(hub: HubAtWork, browser: httpx.Client) -> None:
    """Asking for the form of a server that is not there is a 404 and leaves no server behind."""
    assert 404 == browser.get(LIVE, params={"server": "never"}, headers=headers(browser)).status_code
    assert "never" not in hub.api("GET", f"/users/{hub.user}").json().get("servers", {})


def test_choices_come_to_a_size_a_cost_a_start_and_an_end(hub: HubAtWork, browser: httpx.Client) -> None:
    """With the scheduler's own reckoning, and nothing is started."""
    told = judge(browser, walltime="0:30").json()
    facts = {fact["label"]: fact for fact in told["facts"]}

    assert told["refusal"] is None
    assert facts["Cost"]["words"].startswith("At most 0.5 node hours of")
    assert "Slurm's reckoning" in facts["Estimated start"]["words"]
    assert facts["Ends"]["time"]
    assert [] == hub.jobs()


@pytest.mark.parametrize(
    ("choices", "field"),
    [({"walltime": "99:00"}, "walltime"), ({"partition": "nowhere"}, "partition"), ({"cmd": "id"}, "cmd")],
)
def test_a_refusal_names_its_field_in_the_doors_words(
    hub: HubAtWork, browser: httpx.Client, choices: dict[str, str], field: str
) -> None:
    """The same sentence that a start with these choices would be refused with."""
    told = judge(browser, **choices).json()["refusal"]
    refused = hub.ask_to_start(choices).json()["message"]

    assert field == told["field"]
    assert f"{field}: {told['reason']}" == refused


@pytest.mark.parametrize(("body", "status"), [(b"[]", 400), (b"{", 400), (b'{"image": "' + b"x" * 20_000, 413)])
def test_what_are_no_choices_is_refused(hub: HubAtWork, browser: httpx.Client, body: bytes, status: int) -> None:
    """Anything else than a small JSON object."""
    asks = {**headers(browser), "Content-Type": "application/json"}

    assert status == browser.post(JUDGE, content=body, headers=asks).status_code


def test_the_forms_files_are_kept_for_ever(hub: HubAtWork, browser: httpx.Client) -> None:
    """Their names are on the page and change with their content; another name leads nowhere."""
    page = browser.get("/hub/spawn").text
    names = re.findall(r'/hub/beamside/page/([^"]+)', page)
    answers = [browser.get(f"/hub/beamside/page/{name}") for name in names]

    assert ["css", "js"] == sorted(name.rpartition(".")[2] for name in names)
    assert {answer.headers["Cache-Control"] for answer in answers} == {"public, max-age=31536000, immutable"}
    assert 404 == browser.get("/hub/beamside/page/form-0000000000000000.js").status_code


def test_without_the_scheduler_the_form_comes_from_what_is_known(hub: HubAtWork, browser: httpx.Client) -> None:
    """Whole, with every choice; and what is old says so as soon as it is."""
    browser.get("/hub/spawn").raise_for_status()
    hub.stop_slurm_controller()

    form = browser.get("/hub/spawn")

    assert 200 == form.status_code
    assert all(name in form.text for name in ("ncem-tonight", "ana-tomorrow", "realtime", "No container"))
    told = browser.get(LIVE, headers=headers(browser)).json()
    assert told["schema"]["properties"]["partition"]["enum"]


def test_a_start_that_served_is_experience(hub: HubAtWork, browser: httpx.Client) -> None:
    """The wait of a job that began is told on the card of its partition."""
    asks, count = headers(browser), "SELECT COUNT(*) FROM waits_by_system"
    waits, before = browser.get(LIVE, headers=asks).json()["waits"]["partition"], hub.query(count)[0][0]
    hub.ask_to_start({}).raise_for_status()
    hub.wait_serving()
    wait_until(
        lambda: hub.query(count)[0][0] == before + 1, seconds=30, otherwise=lambda: "the wait was not written down"
    )
    told = browser.get(LIVE, headers=asks).json()

    seen = {name: wait["starts"] for name, wait in waits.items()}
    (partition,) = (name for name, wait in told["waits"]["partition"].items() if wait["starts"] > seen.get(name, 0))
    card = next(card for card in told["cards"]["partition"] if card["value"] == partition)
    assert re.search(r"typical wait|the one start so far waited", card["facts"][-1])
