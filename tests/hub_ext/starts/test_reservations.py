"""A start that waits in a reservation which has not begun, or ends meanwhile: what is read, and the way out."""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.errors import DemoError
from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

LONG = 120
"""Seconds; the facility asks Slurm for reservations twice a minute."""

LATER, BRIEF = "start-later", "start-brief"


@pytest.fixture
def reservations(hub: HubAtWork) -> Iterator[None]:
    """One that begins in an hour, and one that runs for half of it; neither is left behind."""
    operator = hub.slurm.people.kim or None
    for name, begins in ((LATER, "now+3600"), (BRIEF, "now")):
        make = ("create", "reservation", f"reservationname={name}", f"starttime={begins}", "duration=30",
                "nodes=nid005", f"users={hub.user}", "flags=ignore_jobs")  # fmt: skip
        hub.slurm.run("scontrol", *make, user=operator)
    try:
        yield
    finally:
        hub.tidy()
        for name in (LATER, BRIEF):
            with contextlib.suppress(DemoError):  # Slurm forgets one that ended
                hub.slurm.run("scontrol", "delete", f"reservation={name}", user=operator)


def begin_inside(hub: HubAtWork, reservation: str, server: str) -> str:
    """Ask for a server in a reservation as soon as the facility knows it; returns its job."""
    wish = {"walltime": "0:10", "reservation": reservation}
    wait_until(lambda: hub.ask_to_start(wish, server).status_code < 400, seconds=LONG, pause=1,
               otherwise=lambda: hub.log("hub"))  # fmt: skip
    (job,) = (job for job, state in hub.jobs() if state == "PENDING" and reservation in of_job(hub, job))
    return job


def of_job(hub: HubAtWork, job: str) -> str:
    """The reservation that Slurm says a job is in."""
    return hub.slurm.run("squeue", "-h", "-j", job, "-o", "%v").strip()


def wait_told(hub: HubAtWork, browser: httpx.Client, server: str, words: str) -> httpx.Response:
    """Wait until the waiting page says so; returns the page."""
    pages: list[httpx.Response] = []

    def is_told() -> bool:
        pages[:] = [browser.get(f"/hub/spawn-pending/{hub.user}/{server}")]
        return words in html.unescape(pages[0].text)

    wait_until(is_told, seconds=LONG, pause=0.5, otherwise=lambda: pages[0].text + hub.log("hub"))
    return pages[0]


@pytest.mark.usefixtures("reservations")
def test_who_waits_in_a_reservation_reads_what_becomes_of_it_and_can_leave(
    hub: HubAtWork, browser: httpx.Client
) -> None:
    """The page names when it begins, or that it is over; one button starts the same outside, with one job."""
    hub.set_fault("sbatch", "held")  # stays in the queue although its reservation has room
    brief = begin_inside(hub, BRIEF, "brief")
    hub.clear_fault("sbatch")
    later = begin_inside(hub, LATER, "later")
    page = wait_told(hub, browser, "later", "Its reservation begins at 20")
    hub.slurm.run("scontrol", "update", f"reservation={BRIEF}", "endtime=now+2")

    form = re.search(r'<form method="post" action="([^"]+/outside/[^"]+)">\s*<input type="hidden" name="_xsrf"'
                     r' value="([^"]+)">', page.text)  # fmt: skip
    assert form, page.text
    left = browser.post(html.unescape(form[1]), data={"_xsrf": html.unescape(form[2])})

    assert left.is_success, hub.log("hub")
    outside = hub.wait_serving(seconds=LONG, name="later")
    assert {brief, outside} == {job for job, _ in hub.jobs()}
    assert (True, "(null)") == (outside != later, of_job(hub, outside))
    page = wait_told(hub, browser, "brief", f"Its reservation {BRIEF} has ended or was deleted")
    assert "Start without the reservation, or cancel." in html.unescape(page.text)
    assert {"brief", "later"} == set(hub.api("GET", f"/users/{hub.user}").json()["servers"])
    for name in ("brief", "later"):
        browser.post(f"/hub/beamside/cancel/{hub.user}/{name}", data={"_xsrf": html.unescape(form[2])})
    hub.wait_no_job()
