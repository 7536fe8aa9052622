"""JupyterLab as a person uses it: the jobs panel, and notebooks that are opened, run and read cell by cell."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, expect

from beamside.demo.tour.record import TourStopped, check

LOOK_MS = 500
"""Milliseconds between two looks at a notebook that runs."""

READ_NOTEBOOK = """
async (address) => {
  const token = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/)?.[1] ?? '';
  try {
    const answer = await fetch(address, { headers: { 'X-XSRFToken': token }, cache: 'no-store' });
    return { status: `${answer.status}`, content: answer.ok ? (await answer.json()).content : null };
  } catch (error) {
    return { status: `${error}`, content: null };
  }
}
"""
"""Reads a notebook's file as Lab itself does, with the page's own cookies."""

READABLE_WITHIN = 30.0
"""Seconds in which an open notebook can be read: the server refuses one that is half written, and is busy at times."""


@dataclass(frozen=True)
class Progress:
    """How far a notebook is: code cells that have run, all of them, and what they printed."""

    run: int
    cells: int
    output: str


def wait_restored(page: Page, *, seconds: float = 120) -> None:
    """Wait until Lab's own pages are drawn."""
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=seconds * 1000)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0, timeout=seconds * 1000)


def decline_news(page: Page) -> None:
    """Answer no to Lab's question about news, whenever it comes."""
    question = page.locator(".Toastify__toast", has_text="Jupyter news")
    page.add_locator_handler(question, lambda: question.get_by_role("button", name="No", exact=True).click())


def open_notebook(page: Page, server: str, path: str) -> None:
    """Open a notebook by its address and wait for its kernel."""
    page.goto(f"{server}lab/tree/{path}?reset")
    wait_restored(page)
    expect(notebook(page)).to_be_visible(timeout=60_000)
    expect(page.locator("#jp-main-statusbar")).to_contain_text(re.compile(r"\| Idle"), timeout=90_000)


def notebook(page: Page) -> Locator:
    """The notebook that is shown."""
    return page.locator(".jp-NotebookPanel").locator("visible=true").first


def run_all_cells(page: Page) -> None:
    """Run > Run All Cells."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()


def look(page: Page, server: str, path: str) -> Progress:
    """Save the open notebook and read it: Lab keeps only the cells in view on the page.

    Raises TourStopped with the error of a cell that failed, and for a notebook that stays unreadable.
    """
    page.keyboard.press("Control+s")
    end = time.monotonic() + READABLE_WITHIN
    answer: dict[str, Any] = {"content": None}
    while not answer["content"]:
        page.wait_for_timeout(LOOK_MS)
        answer = page.evaluate(READ_NOTEBOOK, f"{server}api/contents/{path}")
        late = not answer["content"] and time.monotonic() > end
        check(not late, f"{path} cannot be read any more: the notebook server answers {answer['status']}")
    cells = [cell for cell in answer["content"]["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    failed = [f"{output['ename']}: {output['evalue']}" for output in outputs if output["output_type"] == "error"]
    check(not failed, f"a cell of {path} failed: {' '.join(failed)}")
    printed = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    return Progress(sum(cell["execution_count"] is not None for cell in cells), len(cells), printed)


def wait_output(page: Page, server: str, path: str, pattern: str, *, seconds: float) -> re.Match[str]:
    """Wait until the open notebook has printed something; raises TourStopped when a cell fails or time is up."""
    end = time.monotonic() + seconds
    while not (found := re.search(pattern, (now := look(page, server, path)).output)):
        if time.monotonic() > end:
            raise TourStopped(f"{path} has not printed {pattern!r} within {seconds:g} s, but {now.output[-300:]!r}")
    return found


def wait_all_run(page: Page, server: str, path: str, *, seconds: float) -> None:
    """Wait until every code cell of the open notebook has run; raises TourStopped when one fails or time is up."""
    end = time.monotonic() + seconds
    while (now := look(page, server, path)).run < now.cells:
        if time.monotonic() > end:
            raise TourStopped(f"{now.run} of {now.cells} cells of {path} have run within {seconds:g} s")


def show_heading(page: Page, words: str) -> None:
    """Bring a part of the open notebook into view by the table of contents."""
    page.locator('.jp-SideBar [data-id="table-of-contents"]').click()
    page.locator("#table-of-contents").get_by_text(words, exact=True).click()
    expect(notebook(page).get_by_role("heading", name=words)).to_be_in_viewport()


def show_last_picture(page: Page) -> None:
    """Bring the last picture that the open notebook drew into view, whole."""
    picture = notebook(page).locator(".jp-OutputArea-output img").last
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_in_viewport(ratio=1)


def open_jobs_panel(page: Page) -> None:
    """Show the jobs panel of the left side bar."""
    panel = page.locator("#beamside-jobs")
    if not panel.is_visible():
        page.locator('.jp-SideBar [data-id="beamside-jobs"]').click()
    expect(panel).to_be_visible()


def job_row(page: Page, job_id: str) -> Locator:
    """The row of a job in the panel."""
    return page.locator("#beamside-jobs").get_by_role("row").filter(has=page.get_by_text(job_id, exact=True))


def wait_row(row: Locator, words: str, *, seconds: float = 30) -> None:
    """Wait until a job's row says something."""
    expect(row).to_contain_text(words, timeout=seconds * 1000)
