"""The paths of 2020, as notebooks of that time use them."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any

import httpx
import jwt
import pytest

from .conftest import MACHINE, MAINTENANCE, Site

pytestmark = pytest.mark.slurm


class Notebook:
    """What such a notebook defines in its first cell."""

    def __init__(self, site: Site, method: str = "GET") -> None:
        self._site = site
        self._method = method
        self.own, self.new_api = site.url, site.api
        self.token = ""

    def login(self, user: str, **more: str) -> httpx.Response:
        """A token by a signed assertion."""
        client_id, key = self._site.keys[user]
        now = int(time.time())
        claims = {"iss": client_id, "sub": client_id, "aud": self._site.token_url, "exp": now + 300}
        assertion = jwt.encode(claims | {"jti": str(uuid.uuid4())}, key, algorithm="RS256")
        reply = self.ask("POST", "auth/login", data={"client_assertion": assertion} | more)
        self.token = reply.json().get("access_token", "")
        return reply

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask with the token."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        with httpx.Client(base_url=f"{self._site.url}/api/v1/", trust_env=False, timeout=30) as http:
            return http.request(method, path, headers=headers, **more)

    def api(self, path: str, data: dict[str, Any] | None = None, as_form: bool = False) -> Any:
        """As the notebooks have it."""
        sent = {"data" if as_form else "json": data} if data else {}
        return self.ask(self._method if data else "GET", path, **sent).raise_for_status().json()


@pytest.fixture
def notebook(site: Site) -> Notebook:
    """Ana's."""
    notebook = Notebook(site)
    notebook.login(site.ana)
    return notebook


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_published_cell_runs_word_for_word(site: Site, method: str) -> None:
    """Without a token, whatever verb the notebook's own function sends a form with."""
    api = Notebook(site, method).api

    status = api("health/resource_statuses/cori", data={"notes": True, "outages": True}, as_form=True)[0]["status"]

    assert "active" == status


def test_notes_and_outages_come_when_they_are_asked_for(site: Site) -> None:
    """And not else."""
    api = Notebook(site).api
    [asked] = api("health/resource_statuses/cori", data={"notes": False, "outages": True}, as_form=True)
    [bare] = api("health/resource_statuses/cori")

    assert [True] == [MAINTENANCE in outage["description"] for outage in asked["outages"]]
    assert "outages" not in bare
    assert {"cori", MACHINE} <= {found["name"] for found in api("health/resource_statuses")}


def test_a_login_is_a_signed_assertion_and_never_a_password(site: Site) -> None:
    """A token of a person's; it can be looked at, and ended."""
    notebook = Notebook(site)
    reply = notebook.login(site.ana)
    verified = notebook.api("auth/verify")
    credentials = {"username": site.ana, "password": "x"}
    password = httpx.post(f"{site.url}/api/v1/auth/login", data=credentials, trust_env=False)
    ended = notebook.ask("POST", "auth/revoke")

    assert (200, "Bearer", site.ana) == (reply.status_code, reply.json()["token_type"], verified["user"])
    assert (422, True) == (password.status_code, "client_assertion" in password.json()["detail"])
    assert 200 == ended.status_code
    assert 401 == notebook.ask("GET", "auth/verify").status_code


def result_of(notebook: Notebook, task_id: str) -> dict[str, Any]:
    """What a task ended with."""
    for _ in range(60):
        task = notebook.ask("GET", f"{notebook.new_api}/tasks/{task_id}").json()
        if task["result"]:
            return json.loads(task["result"])
        time.sleep(0.5)
    raise TimeoutError(task_id)


def carried(notebook: Notebook, transfer_id: str) -> dict[str, Any]:
    """How a transfer ended."""
    for _ in range(120):
        found = notebook.api(f"transfer/{transfer_id}")
        if found["globus_status"] != "ACTIVE":
            return found
        time.sleep(0.5)
    raise TimeoutError(transfer_id)


def charged_to(notebook: Notebook, project: str, job_id: str) -> list[dict[str, str]]:
    """The jobs of a project, once accounting has heard of this one."""
    for _ in range(60):
        jobs = notebook.api(f"accounting/projects/{project}/jobs?days=1")
        if job_id in {job["jobid"] for job in jobs}:
            return jobs
        time.sleep(0.5)
    raise TimeoutError(job_id)


def test_a_job_by_the_old_paths(notebook: Notebook, site: Site) -> None:
    """Submitted, seen in the queue and in the project's jobs, ended."""
    script = "#!/bin/sh\n#SBATCH --account=ncem --qos=regular --time=5 --output=/dev/null\nsleep 300\n"
    started = notebook.ask("POST", "jobs", data={"job": script, "isPath": "false"}).json()
    job_id = result_of(notebook, started["task_id"])["jobid"]
    [mine] = notebook.api(f"jobs/{job_id}")
    queued = {job["jobid"] for job in notebook.api("jobs")}
    ended = notebook.ask("DELETE", f"jobs/{mine['jobid']}").json()
    charged = charged_to(notebook, "ncem", mine["jobid"])

    assert ("OK", "OK", site.ana, True) == (started["status"], ended["status"], mine["user"], job_id in queued)
    assert {site.ana} == {job["user"] for job in charged}  # nobody else's
    assert 404 == notebook.ask("GET", "accounting/projects/nstaff/jobs").status_code


def test_projects_roles_reservations_and_callbacks(notebook: Notebook) -> None:
    """The same as by the new paths."""
    projects, roles = notebook.api("accounting/projects"), notebook.api("accounting/roles")
    made = notebook.ask("POST", "callbacks/callbacks/", data={"url": "http://127.0.0.1:9/x", "events": ["job.*"]})
    listed = notebook.api("callbacks")
    notebook.ask("DELETE", f"{notebook.own}/callbacks/{made.json()['id']}").raise_for_status()
    refused = notebook.ask("POST", "callbacks/callbacks/", data={"url": "http://10.0.0.1/x"})

    assert {"ncem", "als"} == {found["repo_name"] for found in projects} == {found["repo_name"] for found in roles}
    assert "ncem-tonight" in {found["name"] for found in notebook.api("reservations")}
    assert (201, True) == (made.status_code, made.json()["secret"].startswith("whsec_"))
    assert ([(made.json()["id"], "")], 422) == ([(one["id"], one["secret"]) for one in listed], refused.status_code)


def test_data_go_from_tier_to_tier_by_the_old_path(notebook: Notebook, site: Site) -> None:
    """Started, followed to its end; the bytes are there."""
    home, text = site.home(site.ana), "mkdir -p ~/scratch ~/archive && echo counts > ~/scratch/of-2020"
    command = notebook.ask("POST", f"{notebook.new_api}/utilities/command/{MACHINE}", data={"executable": text})
    assert "ok" == result_of(notebook, command.json()["task_id"])["status"]
    tiers = {"source_uuid": "scratch", "target_uuid": "archive"}
    paths = {"source_dir": f"{home}/scratch/of-2020", "target_dir": f"{home}/archive/of-2020"}
    started = notebook.ask("POST", "transfer", data=tiers | paths).json()
    ended = carried(notebook, started["transfer_id"])
    copy = notebook.ask("GET", f"file/{MACHINE}{home}/archive/of-2020")

    assert ("OK", "SUCCEEDED", b"counts\n") == (started["status"], ended["globus_status"], copy.content)


def test_files_by_their_whole_path(notebook: Notebook, site: Site) -> None:
    """Bytes in, the same bytes out; a directory tells its entries; what is not there is 404."""
    path, raw = f"file/{MACHINE}{site.home(site.ana)}", bytes(range(256)) * 400
    put = notebook.ask("PUT", f"{path}/old.bin", content=raw)
    got = notebook.ask("GET", f"{path}/old.bin")
    entries = {entry["name"] for entry in notebook.api(path)}

    assert (200, raw, {".", "..", "old.bin"}) == (put.status_code, got.content, entries & {".", "..", "old.bin"})
    assert 404 == notebook.ask("GET", f"{path}/nothing").status_code


def test_a_machine_that_is_not_here_is_not_found(notebook: Notebook) -> None:
    """With the names of those that are."""
    reply = notebook.ask("GET", "file/edison/etc/passwd")

    assert (404, True) == (reply.status_code, MACHINE in reply.json()["detail"])


@pytest.mark.parametrize(
    ("at", "path"),
    [
        ("/api/v1/swagger.json", "/health/resource_statuses/{name}"),
        ("/api/v1.2/openapi.json", "/compute/jobs/{machine}"),
    ],
)
def test_a_description_tells_of_its_own_paths_alone(site: Site, at: str, path: str) -> None:
    """For everybody; every schema that it names is in it, and no other, so that a client can be made from it."""
    told = httpx.get(f"{site.url}{at}", trust_env=False, timeout=60).json()
    prefix, text = at.rpartition("/")[0], json.dumps(told)

    assert all(found.startswith(f"{prefix}/") for found in told["paths"])
    assert f"{prefix}{path}" in told["paths"]
    assert set(re.findall(r"#/components/schemas/([^\"]+)", text)) == set(told["components"]["schemas"])
