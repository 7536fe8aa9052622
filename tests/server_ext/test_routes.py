"""The routes of a real Jupyter Server, run as ana beside a real Slurm, without a facility service."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import httpx
import pytest
import websocket

from server_ext.wire import EVENT

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def job(slurm, run_as) -> Iterator[str]:
    """A job of ana's that runs, and that the server takes for the one it runs in."""
    submit = ["sbatch", "--parsable", "--account=ncem", "--time=30", "--output=/dev/null", "--job-name=a <b>"]
    done = run_as(slurm.people.ana, *submit, "--wrap=sleep 1000")
    assert done.returncode == 0, done.stderr
    job_id = done.stdout.decode().strip()
    yield job_id
    run_as(slurm.people.ana, "scancel", job_id)


@pytest.fixture(scope="module")
def jupyter(slurm, start_jupyter, job):
    """JupyterLab as ana, "in" that job."""
    return start_jupyter(slurm.people.ana, SLURM_JOB_ID=job)


@pytest.fixture
def http(jupyter) -> Iterator[httpx.Client]:
    """Speaks to the server with its token."""
    headers = {"Authorization": f"token {jupyter.token}"}
    with httpx.Client(base_url=f"{jupyter.url}/beamside", headers=headers, trust_env=False, timeout=40) as client:
        yield client


def asked_until(ask: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = 40) -> Any:
    """The first answer of which `holds` is true; the server itself asks Slurm only every ten seconds."""
    end = time.monotonic() + seconds
    while not holds(found := ask()):
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found


def test_the_snapshot_shows_ones_jobs_as_the_scheduler_tells_them(http, job) -> None:
    """Name, state and session are there, and the name is as it was given."""
    found = asked_until(lambda: http.get("/jobs").json(), lambda found: found["jobs"])

    mine = {shown["id"]: shown for shown in found["jobs"]}[job]
    assert (mine["name"], found["session_job_id"], found["source"]) == ("a <b>", job, "slurm")
    assert found["knowledge"]["known"] is True


def test_an_unchanged_snapshot_is_not_sent_again(http) -> None:
    """The ETag is the version, so a tab that wakes up costs a few bytes."""
    first = http.get("/jobs")

    again = http.get("/jobs", headers={"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"") or again.headers["ETag"] != first.headers["ETag"]


def test_the_session_tells_its_end_node_and_account(http, job) -> None:
    """What the status bar needs, for other clients too."""
    found = asked_until(lambda: http.get("/session").json(), lambda found: found["node"])

    left = datetime.fromisoformat(found["ends"]) - datetime.fromisoformat(found["server_time"])
    assert (found["job_id"], found["account"], found["reservation"]) == (job, "ncem", "")
    assert 0 < left.total_seconds() <= 1800
    assert re.fullmatch(r"nid00[1-8]", found["node"])


def test_a_change_comes_as_an_event_that_continues_the_snapshot(http, jupyter, slurm, run_as) -> None:
    """A watcher makes the server look; the delta begins at the version that the snapshot had."""

    def socket(path: str) -> closing[websocket.WebSocket]:
        url = f"{jupyter.url}/{path}?token={jupyter.token}".replace("http", "ws", 1)
        return closing(websocket.create_connection(url, timeout=40))

    with socket("api/events/subscribe") as events, socket("beamside/watch"):
        before = http.get("/jobs").json()
        submit = ["sbatch", "--parsable", "--account=ncem", "--hold", "--output=/dev/null", "--wrap=true"]
        job_id = run_as(slurm.people.ana, *submit).stdout.decode().strip()
        seen = [before["version"]]
        while True:
            event = json.loads(events.recv())
            if event["schema_id"] != EVENT or event["version"] <= before["version"]:
                continue
            assert (event["epoch"], event["after"]) == (before["epoch"], seen[-1])
            seen.append(event["version"])
            if job_id in {change["job_id"] for change in event["changes"]}:
                break
    run_as(slurm.people.ana, "scancel", job_id)


def test_a_cancelled_job_ends_in_the_scheduler(http, slurm, run_as) -> None:
    """DELETE is accepted, and the job is gone from the queue soon after."""
    submit = ["sbatch", "--parsable", "--account=ncem", "--output=/dev/null", "--wrap=sleep 1000"]
    job_id = run_as(slurm.people.ana, *submit).stdout.decode().strip()

    answer = http.delete(f"/jobs/{job_id}")

    assert (answer.status_code, answer.json()) == (202, {"job_id": job_id})
    state = ["squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={job_id}"]
    asked_until(lambda: run_as(slurm.people.ana, *state).stdout, lambda found: found.strip() == b"CANCELLED")


@pytest.mark.needs_root
def test_somebody_elses_job_is_not_cancelled(http, slurm, run_as) -> None:
    """Slurm's refusal comes as 403 with what, to what and what next."""
    submit = ["sbatch", "--parsable", "--account=als", "--output=/dev/null", "--hold", "--wrap=true"]
    job_id = run_as(slurm.people.ben, *submit).stdout.decode().strip()

    answer = http.delete(f"/jobs/{job_id}")

    run_as(slurm.people.ben, "scancel", job_id)
    assert answer.status_code == 403
    assert set(answer.json()["error"]) == {"what", "to", "next"}


@pytest.mark.parametrize("job_id", ["x", "1;ls", "--me", "1 2", "%2e%2e"])
def test_what_is_no_job_id_is_refused_before_slurm_hears_of_it(http, job_id) -> None:
    """Only a number, or a number with a task, reaches a command."""
    assert http.delete(f"/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize(
    "request_line", ["GET /jobs", "GET /session", "GET /health", "GET /clusters", "DELETE /jobs/1"]
)
def test_nobody_gets_in_without_a_token(jupyter, request_line) -> None:
    """Every route refuses in the one shape of our errors."""
    method, path = request_line.split()
    answer = httpx.request(method, f"{jupyter.url}/beamside{path}", trust_env=False)

    assert (answer.status_code, set(answer.json()["error"])) == (403, {"what", "to", "next"})


def test_a_browser_without_the_xsrf_header_cancels_nothing(jupyter) -> None:
    """A page of somebody else's that a signed-in browser opens cannot send a cancel."""
    with httpx.Client(base_url=jupyter.url, trust_env=False) as browser:
        browser.get("/lab", params={"token": jupyter.token})
        answer = browser.delete("/beamside/jobs/1")

    assert (answer.status_code, "_xsrf" in answer.json()["error"]["what"]) == (403, True)


def test_a_browser_with_the_xsrf_header_is_heard(jupyter) -> None:
    """The cookie of the page, said again in a header, is what Lab sends behind a hub."""
    with httpx.Client(base_url=jupyter.url, trust_env=False) as browser:
        browser.get("/lab", params={"token": jupyter.token})
        answer = browser.delete("/beamside/jobs/999999", headers={"X-XSRFToken": browser.cookies["_xsrf"]})

    assert answer.status_code == 404


def test_the_watch_socket_opens_for_nobody_without_a_token(jupyter) -> None:
    """A stranger cannot make the server ask Slurm."""
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        websocket.create_connection(f"{jupyter.url}/beamside/watch".replace("http", "ws"))


def test_looking_at_jobs_is_no_activity_of_the_user(http, jupyter) -> None:
    """A panel left open must not keep a node allocated."""

    def last_activity() -> str:
        status = httpx.get(f"{jupyter.url}/api/status?token={jupyter.token}&no_track_activity=1", trust_env=False)
        return status.json()["last_activity"]

    before = last_activity()
    for path in ("/jobs", "/session", "/health", "/clusters"):
        http.get(path)

    assert last_activity() == before


def test_health_tells_where_jobs_come_from(http) -> None:
    """The source and its figures, without asking anybody."""
    found = http.get("/health").json()

    assert (found["source"], found["knowledge"]["known"]) == ("slurm", True)
    assert found["statistics"]["looks"] >= 1


def test_jupyter_server_finds_no_route_of_ours_without_authentication(jupyter) -> None:
    """With allow_unauthenticated_access off, the server names routes that lack a decorator; none is ours."""
    warnings = jupyter.log.read_text(encoding="utf-8").split("JupyterServerAuthWarning")[1:]

    assert not [warning for warning in warnings if "beamside" in warning.split("[I ")[0]]
