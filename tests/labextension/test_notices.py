"""The end of a session in a real Lab: told in time, once, with what is unsaved saved; and afterwards where to look."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route, expect

from beamside.demo.processes import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slurm]
PATIENCE = 120_000  # ms; without a service Slurm is asked every ten seconds, and a minute may have to pass
CONFIG = re.compile(r'(<script id="jupyter-config-data"[^>]*>)(.*?)(</script>)', re.DOTALL)
WORDS = "the only copy of the night's notes"
OPEN = """async () => {
    await jupyterapp.serviceManager.contents.save('notes.txt', { type: 'file', format: 'text', content: '' });
    await jupyterapp.commands.execute('docmanager:toggle-autosave');
    await jupyterapp.commands.execute('docmanager:open', { path: 'notes.txt', factory: 'Editor' });
}"""


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address in a tab of its own, with what the page is told of its hub."""
    opened: list[Page] = []

    def open_lab(jupyter, **config: str) -> Page:
        page = chromium.new_page(viewport={"width": 1300, "height": 800}, reduced_motion="reduce")
        opened.append(page)
        page.set_default_timeout(90_000)

        def tell(route: Route) -> None:
            answer = route.fetch()
            text = CONFIG.sub(lambda found: found[1] + merged(found[2], config) + found[3], answer.text())
            route.fulfill(response=answer, body=text)

        page.route(re.compile(r"/lab(\?|$)"), tell)
        page.goto(f"{jupyter.url}/lab?token={jupyter.token}&reset")
        wait_drawn(page)
        return page

    yield open_lab
    for page in opened:
        page.close()


def merged(text: str, config: dict[str, str]) -> str:
    """The page's configuration with what a hub would add."""
    return json.dumps(json.loads(text) | config).replace("</", "<\\/")


def wait_drawn(page: Page) -> None:
    """Wait until Lab is drawn, and open the panel: while it is in sight Slurm is asked."""
    page.wait_for_function("window.jupyterapp")
    page.evaluate("() => jupyterapp.restored.then(() => jupyterapp.commands.execute('beamside:open-jobs'))")


def toast(page: Page) -> Locator:
    """The notices of this session's end; JupyterLab may ask about its news beside them."""
    return page.locator(".Toastify__toast").filter(has_text="This session")


def begun(slurm, run_as, job_id: str) -> float:
    """Seconds for which a job has run, as Slurm tells; negative while it waits."""
    told = run_as(slurm.people.ana, "squeue", "--noheader", "--Format=starttime:40,state:20", f"--jobs={job_id}")
    starts, state = told.stdout.decode().split()
    return time.time() - time.mktime(time.strptime(starts, "%Y-%m-%dT%H:%M:%S")) if state == "RUNNING" else -1.0


def test_the_end_is_told_once_and_in_its_last_minute_what_is_unsaved_is_saved(
    browse: Callable[..., Page], start_jupyter, submit: Callable[..., str], slurm, run_as
) -> None:
    """A page opened late tells the nearest warning; an end that moves to the last minute is told, and saves."""
    job_id = submit("--time=14", "--job-name=lab", "--qos=realtime")
    jupyter = start_jupyter(slurm.people.ana, BEAMSIDE_JOB_ID=job_id)
    page = browse(jupyter, hubPrefix="/hub/", hubUser="ana")
    expect(toast(page)).to_contain_text(
        re.compile(r"This session ends at .* minutes: .* Save your work\."), timeout=PATIENCE
    )
    expect(toast(page).get_by_role("button", name="Save all")).to_be_visible()
    expect(toast(page).get_by_role("button", name="Your servers")).to_be_visible()

    page.reload()
    wait_drawn(page)
    page.evaluate(OPEN)
    page.locator(".jp-FileEditor .cm-content").click()
    page.keyboard.type(WORDS)
    expect(page.locator(".bs-Session.bs-mod-soon")).to_be_visible(timeout=PATIENCE)
    expect(toast(page)).to_have_count(0)
    on_disk = Path(jupyter.log).parent / "notes.txt"
    assert on_disk.read_text(encoding="utf-8") == ""

    minutes = int(begun(slurm, run_as, job_id) + 30) // 60 + 1
    assert run_as(slurm.people.ana, "scontrol", "update", f"JobId={job_id}", f"TimeLimit={minutes}").returncode == 0

    expect(toast(page).filter(has_text="Your changed document was saved.")).to_be_visible(timeout=PATIENCE)
    expect(toast(page)).to_have_count(1)
    wait_until(lambda: WORDS in on_disk.read_text(encoding="utf-8"), seconds=60, otherwise=on_disk.read_text)


def test_a_server_that_is_gone_leads_to_the_page_that_says_why(
    browse: Callable[..., Page], start_jupyter, slurm
) -> None:
    """One dialog, with links to the hub's page of this server and to its form; closed, it does not come back."""
    jupyter = start_jupyter(slurm.people.ana)
    page = browse(jupyter, hubPrefix="/hub/", hubUser="ana", hubServerName="night")

    jupyter.process.kill()

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The server does not answer", timeout=PATIENCE)
    expect(dialog).to_contain_text("Keep this page open")
    expect(dialog.get_by_role("link", name="See why it ended")).to_have_attribute("href", "/")
    expect(dialog.get_by_role("link", name="Start again")).to_have_attribute("href", "/hub/spawn/ana/night")
    assert Axe().run(page, context=".jp-Dialog").violations_count == 0
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
