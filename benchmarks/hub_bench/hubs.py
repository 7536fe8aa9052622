"""Hubs at work, one for each contender: real processes over the same Slurm, gone at the end."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from beamside.demo.accounts import Accounts
from beamside.demo.people import People
from beamside.demo.plan import Plan, Ports
from beamside.demo.ports import free_ports, listens
from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from hub_bench.contenders import NULL, Contender
from tests.hub_ext.conftest import ADMIN, HubAtWork, identity, lay_out

HERE = Path(__file__).parent

FACILITY = """\
name = "Benchmark"

[service]
url = "http://127.0.0.1:{facility}"
issuer = "{issuer}"
client_ids = ["beamside-hub"]

[systems.bench]
title = "Benchmark"
slurm_conf = "{conf}"
default_walltime_minutes = 60

[[systems.bench.images]]
name = "none"
title = "No container"
"""


@dataclass(frozen=True)
class Hub:
    """A contender's hub that runs.

    server : the program in `work.place` that its jobs become: stub.py or lab.py.
    """

    contender: Contender
    work: HubAtWork
    server: str

    @property
    def name(self) -> str:
        """The contender's."""
        return self.contender.name

    @property
    def user(self) -> str:
        """Whose servers these are: one person's, each with a name, for a machine without root has one user."""
        return self.work.user

    @property
    def pid(self) -> int:
        """The hub's process."""
        return self.work.processes["hub"].pid

    @property
    def api(self) -> str:
        """Where the hub's REST API answers."""
        return f"http://127.0.0.1:{self.work.ports.hub}/hub/api"

    @property
    def headers(self) -> dict[str, str]:
        """Those of its operator."""
        return self.work.admin

    @property
    def notes(self) -> Path:
        """Where its servers write what they note of themselves."""
        return self.work.control

    @property
    def samples(self) -> Path:
        """What its event loop's sampler wrote."""
        return self.work.folder / "loop.txt"

    def place(self, server: str) -> str:
        """The path of a server, at the hub's proxy."""
        return f"http://127.0.0.1:{self.work.ports.proxy}/user/{self.user}/{server}"

    def start(self) -> float:
        """Start the hub's process and wait until it answers; the seconds that takes."""
        began = time.monotonic()
        self.work.start("hub")
        self.work.wait_hub()
        return time.monotonic() - began

    def kill(self) -> None:
        """End the hub's process at once."""
        self.work.kill("hub")


@contextmanager
def a_hub(slurm: SlurmCluster, contender: Contender, server: str) -> Iterator[Hub]:
    """A hub of `contender` whose servers are `server`, with all it stands on."""
    place = Path(tempfile.mkdtemp(prefix="beamside-bench-hub-"))
    place.chmod(0o755)
    user = slurm.people.ana
    plan = Plan(Accounts(People(user, "", "", ""), user, user, user, user), Ports(*free_ports(6)), {})
    work = HubAtWork(slurm, place, plan, user)
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, place)
        lay_out(work)
        _configure(work, contender, server)
        if contender is NULL:
            _serve_null(work, ends)
        ends.callback(_kill_all, work)
        for name in contender.processes:
            work.start(name)
        work.wait_up() if "facility" in contender.processes else work.wait_hub()
        work.api("POST", f"/users/{user}")
        yield Hub(contender, work, server)


def _configure(work: HubAtWork, contender: Contender, server: str) -> None:
    """Write the contender's files over those of the tests' hub."""
    facts = {"admin": ADMIN, "benchmarks": str(HERE.parent), "notes": str(work.control), "conf": str(work.slurm.conf),
             "server": str(work.place / server), "issuer": work.plan.issuer, "path": _path(work),
             **vars(work.ports)}  # fmt: skip
    install_servers(work.place)
    (work.place / "facility.toml").write_text(FACILITY.format(**facts), encoding="utf-8")
    configuration = work.folder / "jupyterhub_config.py"
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    configuration.write_text(contender.configuration(**facts), encoding="utf-8")


def install_servers(place: Path) -> None:
    """Put the programs that jobs become into a folder that everybody may read."""
    for name, options in (("stub.py", "-IS"), ("announce.py", "-IS"), ("lab.py", "")):
        program = f"#!{sys.executable} {options}".rstrip() + "\n" + (HERE / name).read_text(encoding="utf-8")
        (place / name).write_text(program, encoding="utf-8")
        (place / name).chmod(0o755)


def _path(work: HubAtWork) -> str:
    """Where the hub and its jobs find programs: this Python's first, then Slurm's."""
    return f"{Path(sys.executable).parent}:{work.slurm.environment['PATH']}:{os.environ['PATH']}"


def _serve_null(work: HubAtWork, ends: ExitStack) -> None:
    """Run the one server that every null spawner names."""
    port = free_ports(1)[0]
    environment = {"JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}/"}
    server = subprocess.Popen([str(work.place / "stub.py")], env=environment, **identity(work.user))
    ends.callback(server.wait)
    ends.callback(server.kill)
    (work.place / "null.port").write_text(str(port), encoding="ascii")
    wait_until(lambda: listens(port), seconds=30, otherwise=lambda: "the null spawner's server does not listen")


def _kill_all(work: HubAtWork) -> None:
    """End the processes, then the jobs they left."""
    for name in list(work.processes):
        work.kill(name)
    with contextlib.suppress(KeyError):  # a user of this run's own may be gone already
        pwd.getpwnam(work.user)
        work.slurm.run("scancel", f"--user={work.user}", seconds=300)  # a thousand jobs take their time
