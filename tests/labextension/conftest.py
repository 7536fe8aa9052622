"""A browser, and JupyterLab as ana in a batch job, with Slurm's own commands as the source of jobs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from beamside.demo.layout import Layout, default_prefix
from beamside.demo.tour.browser import open_browser

PROFILE = """
name = "test"
[service]
url = "http://127.0.0.1:9"
[systems.test]
title = "Test"
slurm_conf = "{conf}"
[systems.test.commands]
squeue = "{squeue}"
"""
UNLESS_DOWN = """#!/bin/sh
[ -e {flag} ] && cat {flag} >&2 && exit 9
exec {squeue} "$@"
"""


@dataclass(frozen=True)
class Desk:
    """JupyterLab in a browser, the job it runs in, and a file that makes the scheduler fail with the words in it."""

    url: str
    token: str
    session_job: str
    outage: Path

    @property
    def address(self) -> str:
        """Lab without a layout of earlier tests."""
        return f"{self.url}/lab?token={self.token}&reset"


@pytest.fixture(scope="module")  # while Playwright is open its event loop runs, and no asynchronous test can
def chromium() -> Iterator[Browser]:
    """The distribution's own."""
    with open_browser(Layout(default_prefix())) as browser:
        yield browser


@pytest.fixture(scope="session")
def submit(slurm, run_as) -> Iterator[Callable[..., str]]:
    """Submit a job of ana's; all are cancelled in the end."""
    made: list[str] = []

    def sbatch(*options: str) -> str:
        command = ["sbatch", "--parsable", "--account=ncem", "--output=/dev/null", *options, "--wrap=sleep 2000"]
        done = run_as(slurm.people.ana, *command)
        assert done.returncode == 0, done.stderr
        made.append(done.stdout.decode().strip())
        return made[-1]

    yield sbatch
    run_as(slurm.people.ana, "scancel", *made)


@pytest.fixture(scope="session")
def desk(slurm, start_jupyter, submit) -> Desk:
    """JupyterLab as ana, in a job that ends in 30 minutes."""
    place = slurm.directory.parent
    outage, squeue, profile = place / "outage", place / "squeue", place / "lab-facility.toml"
    real = shutil.which("squeue", path=slurm.environment["PATH"])
    squeue.write_text(UNLESS_DOWN.format(flag=outage, squeue=real), encoding="utf-8")
    squeue.chmod(0o755)
    profile.write_text(PROFILE.format(conf=slurm.conf, squeue=squeue), encoding="utf-8")
    job_id = submit("--time=30", "--job-name=lab", "--qos=realtime")
    jupyter = start_jupyter(slurm.people.ana, BEAMSIDE_PROFILE=str(profile), BEAMSIDE_JOB_ID=job_id)
    return Desk(jupyter.url, jupyter.token, job_id, outage)


@pytest.fixture
def page(chromium: Browser, desk: Desk) -> Iterator[Page]:
    """Lab with the jobs panel open; an error on the page's console fails the test."""
    page = chromium.new_page(viewport={"width": 1300, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(90_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(desk.address)
    page.wait_for_function("window.jupyterapp")
    page.evaluate("async () => { await jupyterapp.restored; await jupyterapp.commands.execute('beamside:open-jobs') }")
    page.wait_for_function("document.activeElement.matches('.jp-Launcher')")  # it takes the focus when it is drawn
    yield page
    page.close()
    assert problems == []
