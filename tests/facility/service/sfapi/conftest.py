"""The real service over HTTP, over the real Slurm, with people's keys: what unmodified clients of the API find."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import authlib.deprecate  # first of all: importing it shows its announcements whatever filters there were
import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from facility.profile import Commands
from facility.rclone_program import find_rclone
from facility.service.app import SERVICES
from facility.service.as_user.helper import CLOSED_ACCOUNTS
from facility.service.as_user.worker.run import VERBS as WORKER_VERBS
from facility.service.scopes import SCOPES
from facility.testing import free_port

from ...conftest import install_helper

with warnings.catch_warnings():
    # authlib announces that its next major version will want httpx2, which is its client's to follow, not ours
    warnings.filterwarnings("ignore", "The httpx module is deprecated", authlib.deprecate.AuthlibDeprecationWarning)
    import sfapi_client  # noqa: F401 - the tests import it without that announcement

MACHINE = "perlmutter"
"""The unmodified client knows three machines by name; the site gives its own this alias."""

MAINTENANCE = "cooling"
"""A window of maintenance to come."""


@dataclass(frozen=True)
class Site:
    """A running service, and who has keys to it."""

    url: str
    identity_url: str
    folder: Path
    ana: str
    ben: str
    kim: str
    keys: dict[str, tuple[str, str]]  # user -> client id, private key in PEM

    @property
    def api(self) -> str:
        """Where v1.2 is."""
        return f"{self.url}/api/v1.2"

    @property
    def token_url(self) -> str:
        """Where tokens are."""
        return f"{self.identity_url}/identity/token"

    def home(self, user: str) -> Path:
        """A person's home."""
        return Path(pwd.getpwnam(user).pw_dir)


def pem_of(key: RSAPrivateKey) -> str:
    """A private key as a client's key file holds it."""
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def profile_text(slurm: SlurmCluster, ports: tuple[int, int], helper: Path | None) -> str:
    """The facts of the real Slurm as a site would write them down, with everything switched on."""
    commands = "\n".join(f"{name} = {json.dumps(slurm.packages.command(name))}" for name in Commands.model_fields)
    homes = Path(pwd.getpwnam(slurm.people.ana).pw_dir).parent
    personal = json.dumps([scope for scope in SCOPES if scope != "hub"])
    text = f"""
    name = "Tests"
    [service]
    url = "http://127.0.0.1:{ports[0]}"
    identity_url = "http://127.0.0.1:{ports[1]}"
    scopes = {personal}
    [service.callbacks]
    http = true
    allowed = ["127.0.0.1/32"]
    [systems.alpine]
    title = "Alpine"
    aliases = ["{MACHINE}", "dtns", "cori"]
    slurm_conf = "{slurm.environment["SLURM_CONF"]}"
    [systems.alpine.commands]
    {commands}
    """
    for tier in ("scratch", "archive"):
        text += f'[tiers.{tier}]\npath = "{homes}/{{user}}/{tier}"\n'
    return text + (f'[as_user]\nhelper = ["{helper}"]\ngroup = "{slurm.people.group}"\n' if helper else "")


@pytest.fixture(scope="session")
def site(slurm: SlurmCluster) -> Iterator[Site]:
    """Identity and the rest in processes of their own, as `beamside serve` starts them, with a grant for every act."""
    folder = Path(tempfile.mkdtemp(prefix="sfapi-tests-", dir=slurm.directory.parent))
    folder.chmod(0o755)
    ports, helper, people = (free_port(), free_port()), None, slurm.people
    for state in (folder / "identity", folder / "state"):
        state.mkdir(mode=0o700)
    if os.geteuid() == 0:
        commands = {name: slurm.packages.command(name) for name in Commands.model_fields}
        commands["rclone"] = find_rclone("rclone")
        environment = {name: slurm.environment[name] for name in ("PATH", "SLURM_CONF")}
        helper = install_helper(
            folder / "libexec", people.group, environment, commands, shell=True,
            grant_key=str(folder / "identity" / "grant.key"),
            callers={"root": {"verbs": [*WORKER_VERBS, CLOSED_ACCOUNTS], "grants": True}},
        )  # fmt: skip
    (folder / "facility.toml").write_text(profile_text(slurm, ports, helper), encoding="utf-8")
    window = ["StartTime=now+1200minutes", "Duration=30", "Nodes=nid008", "Flags=MAINT", "Users=root"]
    slurm.run("scontrol", "create", "reservation", f"ReservationName={MAINTENANCE}", *window)
    slurm.run("sacctmgr", "-i", "modify", "account", "als", "set", "GrpTRESMins=node=6000,cpu=120")
    keys = {}
    for number, user in enumerate(dict.fromkeys(people.names)):
        keys[user] = register(folder, f"client{number:07}", user)
    identity = start(slurm, folder, "identity", "identity")
    others = start(slurm, folder, "state", *(name for name in SERVICES if name != "identity"))
    url, identity_url = (f"http://127.0.0.1:{port}" for port in ports)
    names = (people.ana, people.ben or people.ana, people.kim or people.ana)
    wait_until(lambda: answers(url, folder, others), seconds=120, otherwise=(folder / "state.log").read_text)
    yield Site(url, identity_url, folder, *names, keys)
    for process in (others, identity):
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    slurm.run("scontrol", "delete", f"ReservationName={MAINTENANCE}")
    slurm.run("sacctmgr", "-i", "modify", "account", "als", "set", "GrpTRESMins=node=-1,cpu=-1")
    shutil.rmtree(folder)


def command(folder: Path, state: str) -> list[str]:
    """The service's command for one state directory."""
    return [sys.executable, "-m", "facility.service", f"--profile={folder}/facility.toml", f"--state={folder}/{state}"]


def start(slurm: SlurmCluster, folder: Path, state: str, *names: str) -> subprocess.Popen[bytes]:
    """Serve these microservices in a process."""
    line = slurm.inside([*command(folder, state), "serve", *names])
    with (folder / f"{state}.log").open("wb") as log:
        return subprocess.Popen(line, stdout=log, stderr=log, env=os.environ | slurm.environment)


def register(folder: Path, client_id: str, user: str) -> tuple[str, str]:
    """Register a new key of a person's, and give its id and private half."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    public = folder / f"{client_id}.pub"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    subprocess.run(
        [*command(folder, "identity"), "client", "--id", client_id, "--owner", user, "--public-key", str(public)],
        check=True,
    )
    return client_id, pem_of(key)


def answers(url: str, folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Whether the service knows the queue; one that ended is an error at once."""
    assert process.poll() is None, (folder / "state.log").read_text()
    try:
        return httpx.get(f"{url}/health", trust_env=False).json()["poll_age"] is not None
    except (httpx.TransportError, KeyError):
        return False
