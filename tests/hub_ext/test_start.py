"""A real hub on a real Slurm: what is refused, what is shown, what a job may and may not do."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

HELD = int(os.environ.get("BEAMSIDE_HELD", "5"))
"""Jobs that wait in the queue while one more server starts; 150 take minutes, so a soak asks for them."""


def message(reply: httpx.Response) -> str:
    """The error that an API answer tells."""
    return str(json.loads(reply.text)["message"])


@pytest.mark.parametrize(
    ("options", "field", "word"),
    [
        ({"cmd": "sh -c id"}, "cmd", "there is no such option"),
        ({"account": "cryo"}, "account", "is no account of yours"),
        ({"account": "nstaff"}, "account", "is no account of yours"),
        ({"reservation": "no-such"}, "reservation", "is no reservation that you may use"),
        ({"partition": "main\n#SBATCH --uid=0"}, "partition", "line breaks"),
        ({"reservation": "staff-now"}, "reservation", "is no reservation that you may use"),
        ({"reservation": "ana-tomorrow", "walltime": "5:00"}, "walltime", "ana-tomorrow lasts 4:00"),
    ],
)
def test_wrong_options_by_rest_are_refused_before_sbatch(
    hub: HubAtWork, options: dict[str, Any], field: str, word: str
) -> None:
    """Field and reason come back, nothing was submitted, and nothing is left to submit."""
    before = hub.all_jobs_ever()

    reply = hub.ask_to_start(options)

    assert 400 == reply.status_code
    assert message(reply).startswith(f"{field}: ")
    assert word in message(reply)
    assert before == hub.all_jobs_ever()
    assert [] == hub.query("SELECT nonce FROM intents WHERE closed IS NULL")


def test_saved_options_pass_the_same_door(hub: HubAtWork) -> None:
    """Options put into the hub's database by PATCH are judged when they are used."""
    hub.ask_to_start({"account": "cryo"})
    hub.api("PATCH", f"/users/{hub.user}/server", {"user_options": {"walltime": "99:00"}})

    reply = hub.api("POST", f"/users/{hub.user}/server")

    assert 400 == reply.status_code
    assert [] == hub.jobs()


def test_a_start_gives_the_job_what_was_asked(hub: HubAtWork) -> None:
    """Account, QOS, reservation, nodes and time stand in Slurm's own record; Stop ends it as its user."""
    hub.begin({"account": "ncem", "qos": "realtime", "reservation": "ncem-tonight", "nodes": 2, "walltime": "0:07"})
    job = hub.wait_serving()

    said = hub.slurm.run("squeue", "-h", "-j", job, "-o", "%a %q %v %D %l")
    assert "ncem realtime ncem-tonight 2 7:00" == said.strip()
    hub.api("DELETE", f"/users/{hub.user}/server")
    hub.wait_no_job()
    assert "CANCELLED by" in hub.slurm.run("sacct", "-n", "-X", "-j", job, "-o", "state%30")


def test_script_and_environment_that_slurm_keeps_hold_no_secret(hub: HubAtWork) -> None:
    """Neither the batch script nor the job's record shows a token, a secret, or what a person wrote."""
    hub.begin({"walltime": "0:07"})
    job = hub.wait_serving()

    kept = hub.slurm.run("scontrol", "write", "batch_script", job, "-", user=hub.user)
    kept += hub.slurm.run("scontrol", "show", "job", "-d", job)
    kept += hub.slurm.run("sacct", "-j", job, "--env-vars")
    assert "JUPYTERHUB_API_TOKEN" not in kept
    assert "secret" not in kept.lower()


def test_a_job_that_dies_at_once_is_told_with_its_last_words(hub: HubAtWork) -> None:
    """Within seconds the person reads why, with the end of the job's log; nobody waits for a time-out."""
    hub.set_fault("broken")

    reply = hub.ask_to_start()

    assert 500 == reply.status_code
    assert "ended before its server answered: it ended with an error." in message(reply)
    assert [] == hub.query("SELECT nonce FROM intents WHERE closed IS NULL")


def test_two_clicks_are_one_job(hub: HubAtWork) -> None:
    """Asking from two tabs at once starts one job that both follow."""
    before = hub.all_jobs_ever()
    clicks = [threading.Thread(target=hub.begin) for _ in range(2)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()

    assert {hub.wait_serving()} == hub.all_jobs_ever() - before


def wait_held(hub: HubAtWork, count: int) -> None:
    """Wait until so many jobs of the hub's wait."""
    wait_until(lambda: len(hub.jobs()) == count, seconds=60, otherwise=lambda: hub.log("hub"))


def test_waiting_in_the_queue_takes_no_place_among_the_starts(hub: HubAtWork) -> None:
    """With a limit of two concurrent starts and HELD jobs held in the queue, one more server starts normally."""
    hub.set_fault("sbatch", "held")
    names = [f"held-{number}" for number in range(HELD)]
    for number, name in enumerate(names, 1):
        hub.begin(server=name)
        wait_held(hub, number)
    hub.clear_fault("sbatch")

    hub.begin()

    assert hub.wait_serving(seconds=60)
    for name in names:
        hub.api("DELETE", f"/users/{hub.user}/servers/{name}", {"remove": True})


def test_the_waiting_page_names_job_state_and_reason(hub: HubAtWork) -> None:
    """The progress stream tells the job's id, its state and why it waits, each once."""
    hub.set_fault("sbatch", "held")
    hub.begin()
    job = hub.wait_job("PENDING")
    wanted = f"Job {job} is waiting in the queue (PENDING). Held by its owner"
    told: list[str] = []

    def listen() -> bool:
        url = f"http://127.0.0.1:{hub.ports.hub}/hub/api/users/{hub.user}/server/progress"
        with (
            contextlib.suppress(httpx.ReadTimeout),
            httpx.stream("GET", url, headers=hub.admin, timeout=httpx.Timeout(60, read=4), trust_env=False) as stream,
        ):
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    told.append(json.loads(line[5:])["message"])
                if told and told[-1].startswith(wanted):
                    return True
        return False

    wait_until(listen, seconds=30, otherwise=lambda: str(told))
    assert f"Your job is {job}." in told


def claim(hub: HubAtWork, **changed: Any) -> httpx.Response:
    """A claim as a job makes it, with the secret that lies in the user's claims folder."""
    asked = "SELECT nonce, job_id FROM intents WHERE closed IS NULL"
    wait_until(lambda: bool(hub.query(asked)[0][1]), seconds=60, otherwise=lambda: f"no job id: {hub.log('hub')}")
    nonce, job = hub.query(asked)[0]
    body = {"job_id": job, "restarts": 0, "nonce": nonce, "secret": hub.claim_secret(nonce), "port": 40000,
            "claimant": "somebody-else"} | changed  # fmt: skip
    url = f"http://127.0.0.1:{hub.ports.hub}/hub/api/beamside/claim"
    return httpx.post(url, json={key: value for key, value in body.items() if value is not None}, trust_env=False)


def test_a_pending_job_cannot_be_claimed(hub: HubAtWork) -> None:
    """The secret alone is not enough: Slurm must say that the job runs."""
    hub.set_fault("sbatch", "held")
    hub.begin()
    hub.wait_job("PENDING")

    reply = claim(hub)

    assert 503 == reply.status_code
    assert "does not say yet that the job runs" in message(reply)


def test_a_claim_is_given_once(hub: HubAtWork) -> None:
    """After the job's claim another claimant gets nothing, whatever it knows."""
    hub.begin()
    hub.wait_serving()

    again = claim(hub)
    wrong = claim(hub, secret="x" * 43)
    other_job = claim(hub, job_id="1")
    other_restart = claim(hub, restarts=1)

    assert (409, "this run of the job was claimed already") == (again.status_code, message(again))
    assert 403 == wrong.status_code
    assert 409 == other_job.status_code
    assert 403 == other_restart.status_code
    assert "the scheduler counts other restarts of this job" == message(other_restart)
    assert not any("environment" in reply.text for reply in (again, wrong, other_job, other_restart))


def test_the_stock_callback_is_closed_for_everybody(hub: HubAtWork) -> None:
    """Even a server's own token changes nothing there."""
    made = hub.api("POST", f"/users/{hub.user}/tokens", {"note": "t"}).json()["token"]
    url = f"http://127.0.0.1:{hub.ports.hub}/hub/api/batchspawner"

    replies = [httpx.post(url, json={"port": 1}, headers=head, trust_env=False)
               for head in ({}, {"Authorization": f"token {made}"}, hub.admin)]  # fmt: skip

    assert [410, 410, 410] == [reply.status_code for reply in replies]


def test_a_token_of_the_facility_needs_a_servers_token_and_a_login(hub: HubAtWork) -> None:
    """No token, no user, or a user whose sign-in the hub does not hold: each gets a clear no."""
    hub.api("POST", "/users/never-signed-in")  # 409 where another test has named that user
    made = hub.api("POST", "/users/never-signed-in/tokens", {"note": "t"}).json()["token"]
    url = f"http://127.0.0.1:{hub.ports.hub}/hub/api/beamside/token"

    nobody = httpx.get(url, trust_env=False)
    service = httpx.get(url, headers=hub.admin, trust_env=False)
    no_login = httpx.get(url, headers={"Authorization": f"token {made}"}, trust_env=False)

    assert [403, 403, 401] == [nobody.status_code, service.status_code, no_login.status_code]
    assert "sign in again" in message(no_login)


def test_a_second_hub_on_the_same_folder_does_not_start(hub: HubAtWork) -> None:
    """Two hubs would submit twice; the second one ends and says why."""
    done = hub.run_second()

    assert done.returncode != 0
    assert b"is held by another hub process" in done.stdout + done.stderr
