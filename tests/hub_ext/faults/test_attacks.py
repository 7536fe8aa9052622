"""Scripted attacks on a real hub: from pages of other sites, by what is written into options, and at the callbacks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

FOREIGN = {
    "Origin": "https://elsewhere.example",
    "Referer": "https://elsewhere.example/",
    "Sec-Fetch-Site": "cross-site",
}
"""What a browser says of a page of another site; the cookies go along, as with a browser that keeps no rule."""

MODES = ("navigate", "cors", "no-cors")

ACTS = (
    ("POST", "/hub/spawn", "form"),
    ("POST", "/hub/spawn/{user}/other", "form"),
    ("POST", "/hub/api/users/{user}/server", "json"),
    ("POST", "/hub/api/users/{user}/server", "text/plain"),
    ("DELETE", "/hub/api/users/{user}/server", ""),
    ("PATCH", "/hub/api/users/{user}/server", "json"),
    ("POST", "/hub/api/users/{user}/tokens", "json"),
    ("POST", "/hub/beamside/choices", "form"),
    ("POST", "/hub/beamside/cancel/{user}", "form"),
    ("POST", "/hub/beamside/me", "form"),
    ("POST", "/hub/api/beamside/form/judge", "json"),
    ("GET", "/hub/api/beamside/form", "read"),
    ("GET", "/hub/api/beamside/token", "read"),
)


def state(hub: HubAtWork) -> tuple[Any, ...]:
    """All that an attack would change: jobs, what is meant to run, the hub's servers, the person's tokens."""
    tokens = {token["id"] for token in hub.api("GET", f"/users/{hub.user}/tokens").json()["api_tokens"]}
    return hub.jobs(), hub.query("SELECT nonce, port, stopping FROM intents WHERE closed IS NULL"), hub.server(), tokens


def test_nothing_is_done_at_the_bidding_of_another_sites_page(hub: HubAtWork, browser: httpx.Client) -> None:
    """Every act, with the person's cookies, in each mode of fetch: refused, and nothing changed."""
    browser.get("/hub/home")
    before, done = state(hub), {}
    for method, path, kind in ACTS:
        for mode in MODES[kind == "read" :]:  # a page that is navigated to is shown to its reader only
            body: dict[str, Any] = {"form": {"data": {"walltime": "0:10", "act": "register"}}, "": {}, "read": {}}.get(
                kind,
                {
                    "content": b'{"walltime": "0:10"}',
                    "headers": {"Content-Type": kind.replace("json", "application/json")},
                },
            )
            headers = {**FOREIGN, "Sec-Fetch-Mode": mode, **body.pop("headers", {})}
            reply = browser.request(method, path.format(user=hub.user), headers=headers, follow_redirects=False, **body)
            done[f"{method} {path} {kind} {mode}"] = reply.status_code

    assert {} == {what: status for what, status in done.items() if status not in (400, 401, 403, 404)}
    assert before == state(hub)


INJECTED: tuple[Any, ...] = (
    {"walltime": "0:10; id"}, {"walltime": "0:10\n#SBATCH --uid=0"}, {"nodes": "1 --uid=0"}, {"nodes": [1, 2]},
    {"account": "$(id)"}, {"account": "--uid=0"}, {"account": "ncem\x00"}, {"qos": "realtime\u2028x"},
    {"image": "../../etc/passwd"}, {"image": "tools;id"}, {"reservation": "-R"}, {"partition": {"$ne": ""}},
    {"prologue": "id"}, {"batch_script": "#!/bin/sh\nid"}, {"environment": {"LD_PRELOAD": "/tmp/x.so"}},
    {"req_options": "--uid=0"}, {"__class__": {"__init__": 1}}, {"cmd": ["sh", "-c", "id"]}, {"\ud800": "x"},
    {"walltime": "１:００"}, {"account": "ｎｃｅｍ"}, {"a" * 5000: 1}, {"walltime": "1" * 1_000_000},
    {str(number): number for number in range(2000)},
)  # fmt: skip


def test_what_is_written_into_options_reaches_neither_script_nor_command(hub: HubAtWork) -> None:
    """Control signs, options of sbatch, shell text, other keys, other types, look-alikes and a megabyte: each a 4xx."""
    before, done = hub.all_jobs_ever(), {}
    url = f"http://127.0.0.1:{hub.ports.hub}/hub/api"
    for options in INJECTED:
        asked = json.dumps({"user_options": options}).encode("ascii")  # lone surrogates as JSON writes them
        reply = httpx.post(
            f"{url}/users/{hub.user}/server", content=asked, headers=hub.admin, timeout=60, trust_env=False
        )
        done[json.dumps(options)[:60]] = reply.status_code

    assert {} == {what: status for what, status in done.items() if not 400 <= status < 500}
    assert before == hub.all_jobs_ever()
    assert [] == hub.query("SELECT nonce FROM intents WHERE closed IS NULL")
    assert len(json.dumps(hub.api("GET", f"/users/{hub.user}?include_stopped_servers").json())) < 50_000


def test_callbacks_give_nothing_to_who_knows_no_secret(hub: HubAtWork, browser: httpx.Client) -> None:
    """Made-up words, more keys, wrong types, a person's cookies or tokens: the server is untouched."""
    hub.begin()
    job = hub.wait_serving(seconds=120)
    nonce = hub.query("SELECT nonce FROM intents WHERE closed IS NULL")[0][0]
    good = {"job_id": job, "restarts": 0, "nonce": nonce, "secret": "s" * 43, "port": 40000, "claimant": "c" * 32}
    token = hub.api("POST", f"/users/{hub.user}/tokens", {"note": "t"}).json()["token"]
    before, done = state(hub), {}
    bodies = [
        good, {**good, "restarts": 1}, {**good, "job_id": "1"}, {**good, "nonce": "n" * 20}, {**good, "secret": ""},
        {**good, "ip": "10.0.0.1"}, {**good, "cmd": "id"}, {**good, "port": 22}, {**good, "why": "walltime"},
        {**good, "secret": None}, {**good, "secret": {"$ne": ""}}, [], "x", {**good, "claimant": "x" * 10_000},
    ]  # fmt: skip
    for path in ("/hub/api/beamside/claim", "/hub/api/beamside/ended", "/hub/api/batchspawner"):
        for number, body in enumerate(bodies):
            for name, headers in {"cookies": {}, "token": {"Authorization": f"token {token}"}}.items():
                reply = browser.post(path, json=body, headers=headers, follow_redirects=False)
                done[f"{path} {number} {name}"] = reply.status_code
                assert "environment" not in reply.text

    assert {} == {what: status for what, status in done.items() if status not in (400, 403, 410, 413)}
    assert before == state(hub)
    assert job == hub.wait_serving(seconds=120)
