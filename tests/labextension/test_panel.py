"""What a scientist sees in JupyterLab: jobs live, cancel, an outage, the end of the session."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slurm]
SOON = 45_000  # ms; without a service Slurm is asked every ten seconds
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}


def row(page: Page, job_id: str) -> Locator:
    """The row of a job."""
    return page.locator(f'.bs-Row[data-job-id="{job_id}"]')


def test_the_session_is_marked_and_its_time_left_stands_in_the_status_bar(page: Page, desk) -> None:
    """The job that this Lab runs in comes first, and counts down also where no panel is open."""
    mine = row(page, desk.session_job)

    expect(mine).to_contain_text("This session", timeout=SOON)
    expect(mine).to_contain_text("Running")
    expect(mine).to_contain_text("ncem · realtime")
    expect(mine).to_contain_text(re.compile(r"nid00[1-8]"))
    expect(page.locator(".bs-Session")).to_have_text(re.compile(r"^\d+(:\d\d| min) left$"))
    expect(page.locator(".bs-Rows .bs-Row").first).to_contain_text("This session")


def test_a_new_job_appears_and_changes_without_a_click(page: Page, submit: Callable[..., str], slurm, run_as) -> None:
    """Submitted, held, running, ended: each is shown in words as the scheduler tells it."""
    job_id = submit("--hold", "--time=10")

    expect(row(page, job_id)).to_contain_text("Held by its owner", timeout=SOON)
    run_as(slurm.people.ana, "scontrol", "release", job_id)
    expect(row(page, job_id)).to_contain_text("Running", timeout=SOON)
    run_as(slurm.people.ana, "scancel", job_id)
    expect(row(page, job_id)).to_contain_text("Cancelled", timeout=SOON)


def test_a_name_that_tries_to_be_html_is_shown_as_it_is(page: Page, submit: Callable[..., str]) -> None:
    """Users may name jobs as they like; the page shows it and runs nothing."""
    job_id = submit("--job-name=<img src=x onerror=alert(1)> \u202eb")

    expect(row(page, job_id)).to_contain_text("<img src=x onerror=alert(1)> <U+202E>b", timeout=SOON)


def test_a_job_is_cancelled_only_after_a_confirmation(page: Page, submit: Callable[..., str], slurm, run_as) -> None:
    """Keeping it keeps it; confirming ends it in the scheduler, and the row says so."""
    job_id = submit("--time=10", "--job-name=to be cancelled")
    button = row(page, job_id).get_by_role("button", name=f"Cancel job {job_id}")

    button.click(timeout=SOON)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("“to be cancelled” ends now")
    dialog.get_by_role("button", name="Keep Job").click()
    assert b"RUNNING" in run_as(slurm.people.ana, "squeue", "--noheader", "--format=%T", f"--jobs={job_id}").stdout

    button.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel Job").click()
    expect(row(page, job_id)).to_contain_text("Cancelled", timeout=SOON)


def test_cancelling_this_session_says_what_it_ends(page: Page, desk) -> None:
    """The one job whose end closes the page is not cancelled by a careless click."""
    row(page, desk.session_job).get_by_role("button").click(timeout=SOON)

    expect(page.get_by_role("dialog")).to_contain_text("This JupyterLab runs in that job.")
    page.get_by_role("dialog").get_by_role("button", name="Keep Job").click()


def test_the_filter_leaves_the_jobs_that_hold_every_word(page: Page, desk, submit: Callable[..., str]) -> None:
    """The count says how many of how many are shown."""
    other = submit("--hold", "--job-name=calibration")
    expect(row(page, other)).to_be_visible(timeout=SOON)

    page.get_by_role("searchbox").fill("calibration held")

    expect(row(page, desk.session_job)).to_have_count(0)
    expect(row(page, other)).to_be_visible()
    expect(page.locator(".bs-Count")).to_have_text(re.compile(r"^1 of \d+$"))
    page.get_by_role("searchbox").fill("no such job")
    expect(page.locator(".bs-Empty")).to_have_text("No job has these words.")


def test_an_outage_is_said_with_its_time_and_goes_away_by_itself(page: Page, desk) -> None:
    """The rows stay, marked as not up to date; nobody needs to press anything when Slurm is back."""
    expect(row(page, desk.session_job)).to_be_visible(timeout=SOON)

    desk.outage.write_text("slurm_load_jobs error: Unable to contact slurm controller")
    try:
        expect(page.locator(".bs-Banner")).to_contain_text("Not up to date: this was true at", timeout=SOON)
        expect(page.locator(".bs-Banner")).to_contain_text("Unable to contact slurm controller")
        since = page.locator(".bs-Banner").text_content().partition("slurm_load_jobs")[0]
        desk.outage.write_text("slurm_load_jobs error: Words that no release had so far")
        expect(page.locator(".bs-Banner")).to_contain_text("Words that no release had so far", timeout=SOON)
        expect(page.locator(".bs-Banner")).to_contain_text(since)
        expect(row(page, desk.session_job)).to_be_visible()
        expect(page.locator(".bs-Session")).to_contain_text("(not confirmed)")
    finally:
        desk.outage.unlink()
    expect(page.locator(".bs-Banner")).to_have_count(0, timeout=SOON)


def test_the_panel_is_worked_by_keyboard(page: Page, desk, submit: Callable[..., str]) -> None:
    """One row is in the tab order; arrows move it, Delete asks for the end of its job."""
    expect(row(page, submit("--hold"))).to_be_visible(timeout=SOON)
    page.get_by_role("searchbox").press("Tab")
    expect(row(page, desk.session_job)).to_be_focused()

    page.keyboard.press("ArrowDown")
    expect(page.locator('.bs-Row[data-index="1"]')).to_be_focused()
    page.keyboard.press("Home")
    expect(row(page, desk.session_job)).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.get_by_role("dialog")).to_contain_text(f"Cancel job {desk.session_job}?")
    page.keyboard.press("Escape")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_in_either_theme(page: Page, desk, theme: str, submit: Callable[..., str]) -> None:
    """Names, roles, contrast: nothing to correct, also while an outage is shown."""
    expect(row(page, submit("--hold"))).to_be_visible(timeout=SOON)
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    desk.outage.touch()
    try:
        expect(page.locator(".bs-Banner")).to_be_visible(timeout=SOON)
        found = [Axe().run(page, context=part, options=WCAG) for part in ("#beamside-jobs", ".bs-Session")]
    finally:
        desk.outage.unlink()

    assert all(result.response["passes"] for result in found)
    assert [result.generate_report() for result in found if result.violations_count] == []


def test_hundreds_of_jobs_draw_only_the_rows_in_sight(page: Page, submit: Callable[..., str], slurm, run_as) -> None:
    """An array is a row a task; the keys reach its last one, which is drawn only then."""
    array = submit("--hold", "--array=1-150", "--job-name=flood")
    page.get_by_role("searchbox").fill("flood")
    expect(page.locator(".bs-Count")).to_contain_text("150 of", timeout=SOON)

    assert page.locator(".bs-Rows .bs-Row").count() < 40
    page.locator(".bs-Rows .bs-Row").first.focus()
    page.keyboard.press("End")
    expect(row(page, f"{array}_1")).to_be_focused()
    run_as(slurm.people.ana, "scancel", array)


def test_nothing_is_requested_while_all_is_well(page: Page, desk) -> None:
    """Changes come by Lab's own socket: the page asks once, and then only listens."""
    expect(row(page, desk.session_job)).to_be_visible(timeout=SOON)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/beamside/" in request.url else None)

    page.wait_for_timeout(12_000)  # longer than a beat

    assert asked == []
