"""A real Slurm ends servers in every way it has; the hub's page names each afterwards, with what to do next."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

LONG = 120
"""Seconds; Slurm looks at time limits twice a minute."""

NIGHT = {"reservation": "ncem-tonight", "account": "ncem"}


@pytest.fixture(autouse=True)
def no_named_servers_left(hub: HubAtWork) -> Iterator[None]:
    """Each test leaves the hub without servers."""
    yield
    for name in hub.api("GET", f"/users/{hub.user}?include_stopped_servers").json().get("servers", {}):
        if name:
            hub.api("DELETE", f"/users/{hub.user}/servers/{name}", {"remove": True})


def ended(hub: HubAtWork, name: str) -> dict[str, str]:
    """How the server ended last, as its REST model tells."""
    model = hub.api("GET", f"/users/{hub.user}?include_stopped_servers").json()["servers"].get(name, {})
    return dict((model.get("state") or {}).get("ended", {}))


def wait_named(hub: HubAtWork, name: str, kind: str) -> dict[str, str]:
    """Wait until the server ended, and was named so."""
    wait_until(lambda: bool(ended(hub, name)), seconds=LONG, pause=0.3, otherwise=lambda: hub.log("hub"))
    told = ended(hub, name)
    assert kind == told["kind"], told
    return told


def page(hub: HubAtWork, browser: httpx.Client, name: str) -> str:
    """What a person reads who comes back to the server's own address."""
    reply = browser.get(f"/user/{hub.user}/{name}/lab", headers={"Accept": "text/html"})
    assert 424 == reply.status_code
    return html.unescape(reply.text)


def node_of(hub: HubAtWork, job: str) -> str:
    """The node of a running job."""
    return hub.slurm.run("squeue", "-h", "-j", job, "-o", "%B").strip()


def start(hub: HubAtWork, name: str, **options: str) -> str:
    """Start a named server; returns its job."""
    hub.begin({"walltime": "0:10", **options}, server=name)
    return hub.wait_serving(seconds=60, name=name)


def test_walltime_and_a_reservations_end_are_told_apart(hub: HubAtWork, browser: httpx.Client) -> None:
    """A reservation that ends takes its jobs with it; a walltime is warned of, and the server ends in order before."""
    make = ("create", "reservation", "reservationname=short", "starttime=now", "duration=30", "nodes=nid005",
            f"users={hub.user}", "flags=ignore_jobs")  # fmt: skip
    hub.slurm.run("scontrol", *make, user=hub.slurm.people.kim or None)
    try:
        wait_until(lambda: hub.ask_to_start({"walltime": "0:10", "reservation": "short"}, "inside").status_code < 400,
                   seconds=60, pause=1, otherwise=lambda: hub.log("facility"))  # fmt: skip
        hub.wait_serving(seconds=60, name="inside")
        plain = start(hub, "plain", partition="main")

        hub.slurm.run("scontrol", "update", f"jobid={plain}", "endtime=now+60")
        hub.slurm.run("scontrol", "update", "reservation=short", "endtime=now+2")

        assert "its reservation short ended." in wait_named(hub, "inside", "reservation-ended")["words"]
        assert "its walltime of 00:10:00 was used up." in wait_named(hub, "plain", "walltime")["words"]
    finally:
        gone = hub.slurm.run("scontrol", "show", "reservation", "-o")
        if "ReservationName=short " in gone:
            hub.slurm.run("scontrol", "delete", "reservation=short")
    assert "TIMEOUT" not in hub.slurm.run("sacct", "-n", "-X", "-j", plain, "-o", "state%30")  # it ended in order
    shown = page(hub, browser, "plain")
    assert f"Your job {plain} ended: its walltime of 00:10:00 was used up." in shown
    assert "Start again, with a longer walltime where the form offers one." in shown


def preempt(hub: HubAtWork, job: str) -> None:
    """Take the job's node for one of higher priority."""
    hub.slurm.run("scontrol", "update", f"jobid={job}", "requeue=0")
    wish = ("--account=ncem", "--qos=realtime", "--reservation=ncem-tonight", "--exclusive", "--time=1")
    argv = ("sbatch", *wish, f"--nodelist={node_of(hub, job)}", "--job-name=taker", "--output=/dev/null", "--wrap=true")
    hub.slurm.run(*argv, user=hub.user if os.geteuid() == 0 else None)


def lose_node(hub: HubAtWork, job: str) -> None:
    """Take the job's node down, and bring it back."""
    hub.slurm.run("scontrol", "update", f"jobid={job}", "requeue=0")
    node = node_of(hub, job)
    hub.slurm.run("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    hub.slurm.run("scontrol", "update", f"nodename={node}", "state=resume")


def cancel(hub: HubAtWork, job: str) -> None:
    """Cancel it as Slurm's own operator."""
    hub.slurm.run("scancel", job)


ENDS: list[tuple[str, dict[str, str], Callable[[HubAtWork, str], None], str, str]] = [
    ("taken", {**NIGHT, "qos": "preempt"}, preempt, "preempted", "a job of higher priority took its nodes."),
    ("lost", NIGHT, lose_node, "node-lost", "failed."),
    ("gone", NIGHT, cancel, "cancelled-by-operator" if os.geteuid() == 0 else "cancelled", "cancelled"),
]


@pytest.mark.parametrize(("name", "options", "act", "kind", "words"), ENDS, ids=[one[0] for one in ENDS])
def test_an_end_is_named_on_the_page_that_a_person_meets(
    hub: HubAtWork,
    browser: httpx.Client,
    name: str,
    options: dict[str, str],
    act: Callable[[HubAtWork, str], None],
    kind: str,
    words: str,
) -> None:
    """Preemption, a lost node, an operator's scancel: job, cause and next step stand where the server was."""
    job = start(hub, name, **options)

    act(hub, job)

    told = wait_named(hub, name, kind)
    assert words in told["words"]
    shown = page(hub, browser, name)
    assert told["words"] in shown
    assert told["remedy"] in shown
    assert f"Your job {job} ended" in shown


def test_memory_that_ran_out_is_named(hub: HubAtWork, browser: httpx.Client) -> None:
    """A server that takes more than it was given is ended by Slurm, and the page says why."""
    hub.set_fault("sbatch", "small")
    start(hub, "")

    hub.ask_server("", "eat")

    wait_named(hub, "", "out-of-memory")
    assert "it ran out of memory." in page(hub, browser, "")


def test_a_dead_server_in_a_living_job_is_noticed_and_its_job_ended(hub: HubAtWork, browser: httpx.Client) -> None:
    """The node says that nothing listens any more; the job is ended, so that it holds no nodes for nothing."""
    hub.set_fault("linger")
    job = start(hub, "")

    hub.ask_server("", "quit")

    told = wait_named(hub, "", "server-died")
    assert f"Your job {job} ended: the notebook server in it no longer ran" in told["words"]
    hub.wait_no_job()
    assert told["words"] in page(hub, browser, "")
