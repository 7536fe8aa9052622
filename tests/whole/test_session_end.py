"""The end of a session as ana sees it: her Lab in a job of the hub's, through the proxy, in a browser."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from beamside.demo.layout import Layout
from beamside.demo.slurm.cluster import SlurmCluster
from beamside.demo.tour import hub, lab, pages
from beamside.demo.tour.browser import open_browser
from spawners.spawner import FacilitySpawner
from tests.whole.conftest import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slurm, pytest.mark.timeout(900), pytest.mark.alike]
PATIENCE = 180_000  # ms; Slurm looks at time limits every half a minute
WORDS = "the only copy of the night's notes"
EARLY = int(FacilitySpawner.end_warning.default_value) + 60
"""Seconds before its walltime's end from which on a server may be asked to end: sbatch(1), --signal, may be a minute
early."""


@dataclass
class Session:
    """Ana's Lab in a browser, and the Slurm job around it."""

    page: Page
    hub: str
    user: str
    cluster: SlurmCluster
    notes: Path  # a file of hers, empty

    @property
    def server(self) -> str:
        """The Lab's own address."""
        return f"{self.hub}user/{self.user}/"

    @property
    def job(self) -> str:
        """The id of the job that the Lab runs in, as its server says."""
        return str(self.page.request.get(f"{self.server}beamside/jobs").json()["session_job_id"])

    def limit(self, job: str, *, seconds: float) -> None:
        """Let the job's walltime end in so many seconds, or in up to a minute more: Slurm counts whole minutes."""
        began = self.cluster.run("squeue", "-h", "-j", job, "-o", "%S").strip()
        run = time.time() - time.mktime(time.strptime(began, "%Y-%m-%dT%H:%M:%S"))
        self.cluster.run("scontrol", "update", f"JobId={job}", f"TimeLimit={int(run + seconds) // 60 + 1}")

    def toast(self) -> Locator:
        """The notice of this session's end."""
        return self.page.locator(".Toastify__toast").filter(has_text="This session")


@pytest.fixture
def session(demo: Demo) -> Iterator[Session]:
    """A Lab that ana starts by the form, for a quarter of an hour."""
    status, layout = demo.status(), Layout(demo.prefix)
    ana = status["users"][0]
    user, notes = str(ana["account"]), Path(ana["scratch"]) / "notes.txt"
    notes.write_text("", encoding="utf-8")
    if os.geteuid() == 0:
        shutil.chown(notes, user)
    with open_browser(layout) as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 800}, reduced_motion="reduce")
        page.set_default_timeout(90_000)
        lab.decline_news(page)
        hub.sign_in(page, status["urls"]["hub"], "ana", layout.password("ana").read_text(encoding="utf-8").strip())
        hub.submit_sign_in(page, status["urls"]["hub"])
        hub.open_form(page, status["urls"]["hub"])
        hub.choose(page, reservation="", account="ncem", qos="interactive", walltime="0:15")
        hub.start(page)
        page.wait_for_url(re.compile(rf"/user/{user}/lab"), timeout=PATIENCE)
        yield Session(page, status["urls"]["hub"], user, SlurmCluster(layout.slurm, prefix=layout.prefix), notes)


def test_a_session_ends_with_a_warning_what_was_written_and_its_reason(session: Session) -> None:
    """The warning comes in time, the last one saves; the dialog of the gone server leads to the page that says why."""
    page, job = session.page, session.job
    page.goto(f"{session.server}lab/tree/{session.notes.name}?reset")
    lab.wait_restored(page)
    expect(session.toast()).to_contain_text(re.compile(r"ends at .* minutes: .* Save your work"), timeout=PATIENCE)
    page.locator(".jp-FileEditor .cm-content").click()
    page.keyboard.type(WORDS)

    session.limit(job, seconds=EARLY + 15)

    expect(session.toast().filter(has_text="Your changed document was saved.")).to_be_visible(timeout=PATIENCE)
    assert WORDS in session.notes.read_text(encoding="utf-8")

    session.limit(job, seconds=0)

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The server does not answer", timeout=PATIENCE)
    with page.expect_popup() as opened:
        dialog.get_by_role("link", name="See why it ended").click()
    assert opened.value.url.startswith(session.server)
    told = pages.read_end(opened.value, session.hub, session.server)
    assert f"Your job {job} ended: its walltime of 00:15:00 was used up." in told
