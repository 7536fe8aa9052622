"""The hub at work over two real Slurms, each with a facility service of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import pytest

from beamside.demo import secret_files
from beamside.demo.ports import free_ports
from beamside.demo.processes import Record, start_time, wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from tests.hub_ext.conftest import HubAtWork, identity
from tests.slurms import PLACE, WORLD

PROFILE = """\
name = "Second facility"

[service]
url = "http://127.0.0.1:{port}"
issuer = "{issuer}"
client_ids = ["beamside-hub"]
poll_seconds = 2.0

[systems.annex]
title = "Annex"
slurm_conf = "{conf}"
default_walltime_minutes = 10

[[systems.annex.images]]
name = "none"
title = "No container"
"""


class SlurmBeside(SlurmCluster):
    """One more Slurm for the same people: their accounts and the nodes' names are there already."""

    def _change_machine(self) -> None:
        """Nothing is left to change."""


@dataclass
class TwoSystems:
    """A hub whose first system is Sidecar and whose second is Annex."""

    hub: HubAtWork
    annex: SlurmCluster
    place: Path  # of Annex's facility service
    port: int
    service: subprocess.Popen[bytes] | None = None

    @property
    def profile(self) -> Path:
        """Annex's facility.toml."""
        return self.place / "facility.toml"

    def argv(self, *verb: str) -> list[str]:
        """Annex's facility service, or a verb of its command."""
        files = [f"--profile={self.profile}", f"--state={self.place / 'state'}"]
        return self.hub.slurm.inside([sys.executable, "-m", "facility.service", *files, *verb])

    def register(self, *verb: str) -> None:
        """Change identity's store as Annex's operator does from a shell."""
        who = identity(self.hub.user)
        subprocess.run(self.argv(*verb), check=True, env=self.hub.environment, cwd=self.place, timeout=120, **who)

    def start_service(self) -> None:
        """Start Annex's facility service unless it runs, and wait until it has looked at its queue."""
        if self.service is not None:
            return
        with (self.place / "log").open("ab") as log:
            self.service = subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.place,
                env=self.hub.environment, start_new_session=True, umask=0o077, **identity(self.hub.user),
            )  # fmt: skip
        wait_until(self._has_polled, seconds=120, otherwise=(self.place / "log").read_text)

    def _has_polled(self) -> bool:
        try:
            found = httpx.get(f"http://127.0.0.1:{self.port}/health", trust_env=False, timeout=10).json()
        except httpx.HTTPError:
            return False
        return found["poll_age"] is not None

    def stop_service(self) -> None:
        """kill -9 of Annex's facility service."""
        if self.service is not None:
            os.killpg(self.service.pid, signal.SIGKILL)
            self.service.wait()
            self.service = None

    def jobs_at_annex(self) -> list[str]:
        """Ids of this hub's jobs there that are not over."""
        rows = self.annex.run("squeue", "-h", "-u", self.hub.user, "-o", "%i %j").splitlines()
        return [row.split()[0] for row in rows if row.split()[1].startswith(f"jupyter-{self.hub.hub_id}-")]

    def stop(self, *names: str) -> None:
        """Stop servers and wait until neither Slurm has a job of theirs."""
        for name in names:
            self.hub.api("DELETE", f"/users/{self.hub.user}/servers/{name}")
        wait_until(lambda: not self.hub.jobs() and not self.jobs_at_annex(), seconds=120,
                   otherwise=lambda: f"jobs stay: {self.hub.jobs()} {self.jobs_at_annex()}")  # fmt: skip

    def restart_hub(self) -> None:
        """kill -9, and wait until it is back."""
        if "hub" in self.hub.processes:
            self.hub.kill("hub")
        self.hub.start("hub")
        self.hub.wait_up()


@contextlib.contextmanager
def slurm_beside(slurm: SlurmCluster) -> Iterator[SlurmCluster]:
    """One more Slurm, gone at the end; what a killed run leaves, the next one takes down."""
    place = Path(tempfile.mkdtemp(prefix=PLACE, dir=WORLD))
    place.chmod(0o755)
    owner = Record(os.getpid(), start_time(os.getpid()) or 0)
    (place / "owner.json").write_text(json.dumps(asdict(owner)), encoding="utf-8")
    prefix = os.environ.get("BEAMSIDE_DEMO_PREFIX")
    cluster = SlurmBeside(place / "slurm", people=slurm.people, prefix=Path(prefix) if prefix else None)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()
        shutil.rmtree(place)


@pytest.fixture(scope="module")
def two(running_hub: HubAtWork, slurm: SlurmCluster) -> Iterator[TwoSystems]:
    """That hub with a second system beside; with one again at the end."""
    running_hub.tidy()
    config = running_hub.folder / "jupyterhub_config.py"
    before = config.read_text(encoding="utf-8")
    with slurm_beside(slurm) as annex, tempfile.TemporaryDirectory(prefix="beamside-annex-") as folder:
        made = TwoSystems(running_hub, annex, Path(folder), free_ports(1)[0])
        try:
            lay_out(made)
            made.start_service()
            own = f"c.HubDesk.further_profiles = ['{made.profile}']\nc.FacilityLogin.standing_seconds = 2\n"
            config.write_text(f"{before}\n{own}", encoding="utf-8")
            made.restart_hub()
            yield made
            made.stop()
        finally:
            made.stop_service()
            # what a test that failed left on Annex must not keep the hub of all other tests from its start
            config.write_text(f"{before}\nc.HubDesk.retired_systems = ['annex']\n", encoding="utf-8")
            made.restart_hub()
            config.write_text(before, encoding="utf-8")


def lay_out(two: TwoSystems) -> None:
    """Write what Annex's service reads, and make the hub and ana known to it."""
    hub = two.hub
    two.place.chmod(0o755)
    secret_files.make_directory(two.place / "state", owner=hub.user if os.geteuid() == 0 else None)
    text = PROFILE.format(port=two.port, issuer=hub.plan.issuer, conf=two.annex.conf)
    two.profile.write_text(text, encoding="utf-8")
    two.profile.chmod(0o644)
    two.register("client", "--id=beamside-hub", f"--owner={hub.user}", f"--public-key={hub.place / 'hub.pub'}",
                 "--scope=hub")  # fmt: skip
    two.register("link", f"--iss={hub.plan.issuer}", f"--sub={hub.subjects['ana']}", f"--user={hub.user}")


@pytest.fixture
def reader(two: TwoSystems) -> Iterator[httpx.Client]:
    """A browser without JavaScript, in which ana is signed in."""
    with httpx.Client(base_url=two.hub.plan.hub_url, trust_env=False, timeout=60, follow_redirects=True) as client:
        page = client.get("/hub/oauth_login")
        client.post(page.url, data={"login": "ana", "password": two.hub.password()})
        yield client
