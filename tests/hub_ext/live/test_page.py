"""The spawn form in a browser: live with its script, whole without it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from beamside.demo.tour import hub as tour_hub
from facility.errors import OptionError
from spawners.form.answer import normal_form
from spawners.form.judge import refuse

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = [pytest.mark.slurm, pytest.mark.browser]
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
LIVE = "**/hub/api/beamside/form*"
SOON = 60_000

JUDGED = """async answers => {
  const script = document.querySelector('script[src*="/beamside/page/"]').src;
  const { readAnswer, refusals } = await import(script);
  const form = document.querySelector('.bs-form').dataset;
  const asked = await fetch(form.live, { headers: { 'X-XSRFToken': form.xsrf } });
  const { schema } = await asked.json();
  return [schema, answers.map(answer => refusals(schema, readAnswer(Object.entries(answer), schema))[0] ?? null)];
}"""


def answers() -> list[dict[str, str]]:
    """Choices of every kind, right and wrong, as texts of a form; the same in every run."""
    dice = random.Random(4)
    choices = {
        "reservation": ["", "ncem-tonight", "ana-tomorrow", "staff-now", 'no"where'],
        "account": ["", "ncem", "nstaff", "nowhere"],
        "qos": ["", "realtime", "regular", "lost"],
        "partition": ["", "nowhere"],
        "image": ["", "none", "nowhere"],
        "nodes": ["", "1", "2", "99", "two", "0"],
        "gpus_per_node": ["", "0", "9"],
        "walltime": ["", "0:30", "90", "99:00", "soon", "0", "1-12:00"],
    }
    return [{field: dice.choice(texts) for field, texts in choices.items()} for _ in range(200)]


def by_door(schema: dict[str, Any], answer: dict[str, str]) -> dict[str, str] | None:
    """What the hub says of the same choices by the same schema."""
    try:
        refuse(schema, normal_form(answer))
    except OptionError as error:
        return {"field": error.field, "reason": error.reason}
    return None


def test_the_page_says_of_any_choice_what_the_door_says(open_form: Callable[..., Page]) -> None:
    """The same field and the same sentence, for right and wrong choices of every kind."""
    asked = answers()
    schema, told = open_form().evaluate(JUDGED, asked)

    assert [by_door(schema, answer) for answer in asked] == told
    assert any(one is None for one in told)
    assert len({one["reason"] for one in told if one}) > 8


def test_the_cost_stands_beside_what_the_account_has_left(open_form: Callable[..., Page]) -> None:
    """As the demonstration's tour reads it; the account's own line says it too."""
    page = open_form()
    tour_hub.choose(page, reservation="ncem-tonight", account="ncem", qos="interactive", walltime="2:00")
    cost = tour_hub.read_cost(page, "2:00")

    assert re.fullmatch(r"At most 2 node hours of ncem: 1 node × 2:00\. (10000|99\d\d) node hours left\.", cost)
    expect(page.get_by_label("Account to charge")).to_contain_text("node hours left")


def test_choices_are_judged_while_they_are_made(open_form: Callable[..., Page]) -> None:
    """Cost, estimated start and end, and what will be submitted; a wrong choice is marked with the door's words."""
    page = open_form()
    page.get_by_label("Walltime").fill("0:30")
    page.get_by_label("Walltime").blur()
    panel = page.get_by_role("region", name="This request")
    expect(panel).to_contain_text("At most 0.5 node hours", timeout=SOON)
    expect(panel).to_contain_text("Slurm's reckoning", timeout=SOON)
    panel.get_by_text("What will be submitted").click()
    expect(panel).to_contain_text("--time=0-00:30:00")

    page.get_by_label("Walltime").fill("99:00")
    page.get_by_label("Walltime").blur()
    expect(page.get_by_label("Walltime")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#bs-refused-walltime")).to_contain_text("ask for that or less")
    expect(page.get_by_label("Walltime")).to_have_attribute("aria-describedby", "bs-refused-walltime")
    expect(panel).to_contain_text("Change what is marked")

    page.get_by_label("Walltime").fill("0:30")
    page.get_by_label("Walltime").blur()
    expect(page.locator("#bs-refused-walltime")).to_have_count(0)


def test_a_reservation_shortens_the_walltime_and_says_so(open_form: Callable[..., Page]) -> None:
    """By keyboard: the field holds what is left of the reservation, a status tells why."""
    page = open_form()
    expect(page.get_by_text("Up to 12:00 with these choices.")).to_be_visible(timeout=SOON)
    page.get_by_label("Walltime").fill("12:00")
    page.locator('input[name="reservation"]:checked').focus()
    page.keyboard.press("ArrowDown")

    name = page.locator('input[name="reservation"]:checked').get_attribute("value")
    expect(page.get_by_role("status").filter(has_text="Walltime shortened to")).to_contain_text(str(name))
    assert page.get_by_label("Walltime").input_value() not in {"12:00", ""}


def test_a_reservation_too_small_cannot_be_chosen_and_says_why(open_form: Callable[..., Page]) -> None:
    """As long as more nodes are asked for than it has; a smaller number opens it again."""
    page = open_form()
    nodes = page.get_by_label("Nodes", exact=True)
    card = page.locator('.bs-card:has(input[value="ncem-tonight"])')
    nodes.fill("5")
    nodes.blur()
    expect(card).to_contain_text("ncem-tonight has 4 nodes; ask for 4 or fewer, or choose another", timeout=SOON)
    expect(card.locator("input")).to_be_disabled()

    nodes.fill("4")
    nodes.blur()
    expect(card.locator("input")).to_be_enabled()
    expect(card).not_to_contain_text("ask for 4")


def test_reservations_count_down_and_cards_change_while_the_page_is_open(open_form: Callable[..., Page]) -> None:
    """Nodes that were free when the page was drawn may not be a moment later; nobody reloads for that."""
    page = open_form()
    badge = page.locator('.bs-card:has(input[value="ncem-tonight"]) .bs-badge')
    expect(badge).to_have_text(re.compile(r"left$"))
    before = badge.text_content()

    def one_node_less(route: Route) -> None:
        told = route.fetch(headers={k: v for k, v in route.request.headers.items() if k != "if-none-match"}).json()
        told["cards"]["partition"][0]["badge"] = "7 of 9 nodes free"
        for reservation in told["reservations"]:
            reservation["ends_in_seconds"] -= 3600
        route.fulfill(json=told, headers={"ETag": 'W/"other"'})

    page.route(LIVE, one_node_less)
    expect(page.get_by_text("7 of 9 nodes free")).to_be_visible(timeout=SOON)
    expect(badge).not_to_have_text(str(before))


def test_cards_say_when_a_node_would_start(open_form: Callable[..., Page]) -> None:
    """By Slurm's own reckoning, without anybody asking for it."""
    page = open_form()
    for field in ("partition", "qos"):
        card = page.locator(f'.bs-card:has(input[name="{field}"])', has_text=re.compile("a node starts (now|in )"))
        expect(card.first).to_be_visible(timeout=SOON)


def test_a_hub_that_does_not_answer_is_told_with_the_age_of_the_page(open_form: Callable[..., Page]) -> None:
    """And the page goes on by itself once the hub is back."""
    page = open_form()
    expect(page.get_by_role("region", name="This request")).to_contain_text("node hour", timeout=SOON)
    page.route(LIVE, lambda route: route.abort())
    notice = page.locator(".bs-notice", has_text="The hub has not answered for")
    expect(notice).to_be_visible(timeout=SOON)

    page.unroute(LIVE)
    expect(notice).to_have_count(0, timeout=SOON)


def test_many_environments_can_be_searched(open_form: Callable[..., Page]) -> None:
    """The chosen one stays in sight, and Enter in the search starts nothing."""
    page = open_form()
    search = page.get_by_role("searchbox", name="Search environments")
    expect(page.get_by_role("button", name="Search")).to_have_count(0)  # the page's script is there
    search.fill("number 7")
    search.press("Enter")

    expect(page.get_by_text("Tools number 7")).to_be_visible()
    expect(page.get_by_text("Tools number 3")).to_be_hidden()
    expect(page.get_by_role("status").filter(has_text=re.compile(r"^2 of \d+ shown$"))).to_have_count(1)
    assert page.url.endswith("/hub/spawn")


def test_without_javascript_environments_are_searched_by_the_server(open_form: Callable[..., Page]) -> None:
    """Every choice stays as it was, Enter starts nothing, and what was found can be chosen."""
    page = open_form(java_script_enabled=False)
    page.get_by_label("Walltime").fill("0:23")
    page.get_by_text("ncem-tonight").first.click()
    page.get_by_role("searchbox", name="Search environments").fill("number 7")
    page.get_by_role("searchbox", name="Search environments").press("Enter")

    expect(page.get_by_text("Tools number 7")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("Tools number 3")).to_be_hidden()
    expect(page.get_by_text("2 of 7 shown")).to_be_visible()
    expect(page.get_by_label("Walltime")).to_have_value("0:23")
    expect(page.locator('input[name="reservation"]:checked')).to_have_value("ncem-tonight")
    assert "find=number+7" in page.url

    page.get_by_role("searchbox", name="Search environments").fill("")
    page.get_by_role("button", name="Search").last.click()
    expect(page.get_by_text("Tools number 3")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("wrong", [False, True])
def test_axe_finds_nothing_in_either_theme(open_form: Callable[..., Page], theme: str, wrong: bool) -> None:
    """Names, roles, contrast, order of headings: nothing to correct, also while a choice is refused."""
    page = open_form()
    page.evaluate("theme => document.documentElement.setAttribute('data-bs-theme', theme)", theme)
    expect(page.get_by_role("region", name="This request")).to_contain_text("Slurm's reckoning", timeout=SOON)
    if wrong:
        page.get_by_label("Walltime").fill("99:00")
        page.get_by_label("Walltime").blur()
        expect(page.locator("#bs-refused-walltime")).to_be_visible()
    else:
        page.get_by_text("What will be submitted").last.click()

    found = Axe().run(page, options=WCAG)

    assert found.response["passes"]
    assert [] == [found.generate_report()] * bool(found.violations_count)


def test_without_javascript_a_server_starts(open_form: Callable[..., Page], hub: HubAtWork) -> None:
    """Every part of the page is there, and Start does what it says."""
    page = open_form(java_script_enabled=False)
    page.get_by_label("Walltime").fill("0:20")
    page.get_by_role("button", name="Start", exact=True).last.click()

    job = hub.wait_serving(60)
    assert "20:00" == hub.slurm.run("squeue", "-h", "-j", job, "-o", "%l").strip()


def test_the_page_asks_politely(open_form: Callable[..., Page]) -> None:
    """Nothing but its own hub, and every ten seconds with the entity tag that it knows."""
    asked: list[tuple[str, str]] = []

    def note(request: Any) -> None:
        if "/api/beamside/form" in request.url and request.method == "GET":
            asked.append((request.url, request.headers.get("if-none-match", "")))

    page = open_form()
    page.on("request", note)
    with page.expect_response(lambda answer: "/api/beamside/form" in answer.url and answer.status == 304, timeout=SOON):
        pass

    assert {httpx.URL(url).host for url, _ in asked} == {"127.0.0.1"}
    assert all(tag.startswith('W/"') for _, tag in asked)
