"""The whole upstream path: Slurm, a real facility service, a hub that hands out its tokens, and a Jupyter Server."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import jwt
import pytest
import websocket
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from beamside.demo.ports import free_ports
from beamside.demo.processes import wait_until
from facility.client import FacilityClient
from facility.models import Job, JobState
from server_ext.board import JobBoard
from server_ext.facility_source import FacilitySource
from server_ext.wire import EVENT

pytestmark = pytest.mark.slurm
SERVER_TOKEN = "the server's own token"
PROFILE = """
name = "test"
[service]
url = "{url}"
poll_seconds = 2.0
outages_file = "{outages}"
[systems.test]
title = "Test"
slurm_conf = "{conf}"
"""

OUTAGES = """
[[outage]]
resource = "test"
starts = 2999-01-01T08:00:00Z
ends = 2999-01-02T08:00:00Z
description = "new disks"

[[outage]]
resource = "partition:other"
starts = 2999-01-01T08:00:00Z
ends = 2999-01-02T08:00:00Z
description = "not ours"
"""


class Facility:
    """The service as one user, without a helper; can be stopped and started."""

    def __init__(self, slurm, user: str, place: Path) -> None:
        self._slurm, self._account, self._place = slurm, pwd.getpwnam(user), place
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self.profile = place / "facility.toml"
        self.profile.write_text(
            PROFILE.format(url=self.url, conf=slurm.conf, outages=place / "outages.toml"), encoding="utf-8"
        )
        (place / "outages.toml").write_text(OUTAGES, encoding="utf-8")
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (place / "key.pem").write_bytes(public)
        if self._account.pw_uid != os.geteuid():
            os.chown(place, self._account.pw_uid, self._account.pw_gid)
        self._popen("client", "--id", "test", "--owner", user, "--public-key", str(place / "key.pem")).wait(30)
        self.start()

    def start(self) -> None:
        """Serve; returns when it answers."""
        self._process = self._popen()
        wait_until(self._answers, seconds=120, otherwise=(self._place / "log").read_text)

    def stop(self) -> None:
        """End as after kill -9."""
        self._process.kill()
        self._process.wait()

    def token(self) -> bytes:
        """What the service itself answers to a client with a key (RFC 7523)."""
        now, there = int(time.time()), f"{self.url}/identity/token"
        claims = {"iss": "test", "sub": "test", "aud": there, "iat": now, "exp": now + 60, "jti": uuid.uuid4().hex}
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": jwt.encode(claims, self.key, algorithm="EdDSA"),
        }
        return httpx.post(there, data=form, trust_env=False).raise_for_status().content

    def _popen(self, *verb: str) -> subprocess.Popen[bytes]:
        account = self._account
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        own = {"HOME": account.pw_dir, "USER": account.pw_name, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        serve = [sys.executable, "-m", "facility.service", "--profile", self.profile, "--state", self._place / "state"]
        with (self._place / "log").open("ab") as log:
            return subprocess.Popen(
                self._slurm.inside([*map(str, serve), *verb]),
                env={**self._slurm.environment, **own},
                cwd=self._place,
                stdout=log,
                stderr=log,
                **(who if account.pw_uid != os.geteuid() else {}),
            )

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).is_success
        except httpx.TransportError:
            return False


@dataclass(frozen=True)
class Site:
    """The service, and a client of the Jupyter Server that listens to it."""

    facility: Facility
    http: httpx.Client
    sockets: str
    token: str

    def jobs(self) -> dict:
        """The snapshot."""
        return self.http.get("/jobs").json()

    def wait(self, holds, seconds: float = 60.0) -> dict:
        """The first snapshot of which `holds` is true."""
        wait_until(lambda: holds(self.jobs()), seconds=seconds, otherwise=lambda: str(self.jobs()), pause=0.2)
        return self.jobs()


@pytest.fixture(scope="module")
def facility(slurm) -> Iterator[Facility]:
    """A facility service that serves ana."""
    place = slurm.directory.parent / "facility"  # pytest's own folders are closed to other users
    place.mkdir()
    found = Facility(slurm, slurm.people.ana, place)
    yield found
    found.stop()


@pytest.fixture(scope="module")
def hub(facility) -> Iterator[str]:
    """The one route of a hub that this extension uses; its answer is the service's own."""

    class Token(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"token {SERVER_TOKEN}"
            ours = known and self.path == "/hub/api/beamside/token"
            try:
                status, body = (200, facility.token()) if ours else (403, b"{}")
            except httpx.TransportError:
                status, body = 503, b"{}"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Token) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hub/api"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site(slurm, facility, hub, start_jupyter) -> Iterator[Site]:
    """A server of ana's that has its jobs from the service."""
    jupyter = start_jupyter(
        slurm.people.ana,
        BEAMSIDE_PROFILE=str(facility.profile),
        JUPYTERHUB_API_URL=hub,
        JUPYTERHUB_API_TOKEN=SERVER_TOKEN,
    )
    headers = {"Authorization": f"token {jupyter.token}"}
    with httpx.Client(base_url=f"{jupyter.url}/beamside", headers=headers, trust_env=False) as http:
        found = Site(facility, http, jupyter.url.replace("http", "ws"), jupyter.token)
        found.wait(lambda shown: shown["knowledge"]["known"])
        yield found


@pytest.fixture
def submit(slurm, run_as) -> Iterator:
    """Submit a job of ana's that sleeps; it is cancelled after the test."""
    made: list[str] = []

    def sbatch() -> str:
        command = ["sbatch", "--parsable", "--account=ncem", "--output=/dev/null", "--wrap=sleep 1000"]
        made.append(run_as(slurm.people.ana, *command).stdout.decode().strip())
        return made[-1]

    yield sbatch
    run_as(slurm.people.ana, "scancel", *made)


def ids(found: dict) -> set[str]:
    """Ids of the jobs that have not ended."""
    return {job["id"] for job in found["jobs"] or () if not job["is_final"]}


def test_a_job_appears_by_itself_while_nobody_watches(site, submit) -> None:
    """The service polls; its change comes down the stream and out on Lab's socket, without any request."""
    events = websocket.create_connection(f"{site.sockets}/api/events/subscribe?token={site.token}", timeout=30)
    with closing(events):
        job_id = submit()
        while True:
            event = json.loads(events.recv())
            if event["schema_id"] == EVENT and job_id in {change["job_id"] for change in event["changes"]}:
                break

    assert job_id in ids(site.jobs())
    assert site.jobs()["source"] == "facility"


def test_a_job_is_cancelled_by_way_of_the_service(site, submit) -> None:
    """The service acts as the user; the end comes back as any other change."""
    job_id = submit()
    site.wait(lambda found: job_id in ids(found))

    assert site.http.delete(f"/jobs/{job_id}").status_code == 202
    site.wait(lambda found: job_id not in ids(found))


def test_a_job_that_does_not_exist_is_not_found(site) -> None:
    """The service's refusal arrives with its words and status."""
    answer = site.http.delete("/jobs/999999")

    assert answer.status_code == 404
    assert "999999" in answer.json()["error"]["what"]


def test_a_dead_service_empties_no_list_and_comes_back_by_itself(site, submit) -> None:
    """The jobs stay, with the time when they were last true; after the service's return all is as before."""
    job_id = submit()
    site.wait(lambda found: job_id in ids(found))

    site.facility.stop()
    lost = site.wait(lambda found: not found["knowledge"]["known"])
    refused = site.http.delete(f"/jobs/{job_id}")
    site.facility.start()
    back = site.wait(lambda found: found["knowledge"]["known"])

    assert job_id in ids(lost) & ids(back)
    assert set(lost["knowledge"]["problem"]) == {"what", "to", "next"}
    assert lost["knowledge"]["since"] < back["knowledge"]["since"]
    assert refused.status_code == 503


async def test_what_lies_around_a_job_is_what_the_service_knows(facility) -> None:
    """When its reservation ends, that another is not there, and the outages of what the job uses."""

    async def token() -> str:
        return str(json.loads(facility.token())["access_token"])

    board = JobBoard(lambda delta: None)
    source = FacilitySource(lambda: FacilityClient(facility.url, token), "ana", board, system="test")
    inside, stray, plain = [
        await source.around(Job("1", "ana", "lab", JobState.RUNNING, "RUNNING", partition="main", reservation=name))
        for name in ("ncem-tonight", "deleted", "")
    ]

    assert inside.reservation_ends
    assert timedelta() < inside.reservation_ends - datetime.now(UTC) < timedelta(hours=13)
    assert [found.is_reservation_gone for found in (inside, stray, plain)] == [False, True, False]
    announced = [one.description for one in plain.outages if not one.description.startswith("maintenance ")]
    assert announced == ["new disks"]  # beside reservations for maintenance that another test's Slurm may have


def test_health_tells_of_one_stream(site) -> None:
    """One server holds one stream, and its figures hold no secret."""
    answer = site.http.get("/health")

    assert answer.json()["statistics"]["connected"] is True
    assert SERVER_TOKEN not in answer.text
