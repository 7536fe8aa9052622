"""A hub whose servers are started by batchspawner's SlurmSpawner, beside ours: same Slurm, person, server and proxy.

Its settings are those that its documentation and a hub on the same machine call for: `tests.hub_ext.stock` and `OWN`
show all of them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from beamside.demo import secret_files
from beamside.demo.accounts import Accounts
from beamside.demo.layout import Layout, default_prefix
from beamside.demo.node import find_module
from beamside.demo.people import People
from beamside.demo.plan import Plan, Ports
from beamside.demo.ports import free_ports
from beamside.demo.slurm.cluster import SlurmCluster
from tests.hub_ext.conftest import STUB, HubAtWork, write_commands, write_program
from tests.hub_ext.stock import stock_configuration

OWN = """
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.db_url = f"sqlite:///{{here / 'hub.sqlite'}}"
c.BatchSpawnerBase.req_prologue = "export BEAMSIDE_JOB_ID=$SLURM_JOB_ID; [ ! -e {control}/broken ]"
c.BatchSpawnerBase.req_epilogue = "while [ -e {control}/linger ]; do sleep 0.1; done"
c.SlurmSpawner.batch_submit_cmd = "{commands}/sbatch --parsable"
c.SlurmSpawner.batch_query_cmd = "{commands}/squeue -h -j {{job_id}} -o '%T %B'"
c.SlurmSpawner.batch_cancel_cmd = "{commands}/scancel {{job_id}}"
"""
"""What this hub has beside the settings of `tests.hub_ext.stock`: a database, and ways to put faults in place."""


@dataclass
class StockHub(HubAtWork):
    """A hub of one person with stock servers; it needs no institution and no facility service."""

    names: ClassVar[tuple[str, ...]] = ("proxy", "hub")

    def wait_up(self) -> None:
        """Wait until the hub answers."""
        self.wait_hub()

    def tidy(self) -> None:
        """End every job and begin with a new database, whatever became of the former hub."""
        for name in list(self.processes):
            self.kill(name)
        for entry in self.control.iterdir():
            entry.unlink()
        self.slurm.up()
        for job, _ in self.jobs():
            self.slurm.run("scancel", job)
        self.wait_no_job()
        (self.folder / "hub.sqlite").unlink()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Start proxy and hub, and make the person known."""
        for name in self.names:
            self.start(name)
        self.wait_up()
        self.api("POST", f"/users/{self.user}")

    @property
    def job_name(self) -> str:
        """By which its jobs are told from ours."""
        return f"stock-{self.place.name}"

    def jobs(self) -> list[tuple[str, str]]:
        """(id, state) of its jobs that are not over, as squeue tells them."""
        out = self.slurm.run("squeue", "-h", "-u", self.user, "-n", self.job_name, "-o", "%i %T")
        return [(row[0], row[1]) for row in map(str.split, out.splitlines())]


def lay_out(work: StockHub) -> None:
    """Write every file that hub, proxy and jobs read."""
    owner = work.user if os.geteuid() == 0 else None
    secret_files.make_directory(work.folder, owner=owner)
    secret_files.write_secret(work.folder / "proxy.token", secrets.token_hex(16), owner=owner)
    stub = work.place / "stub.py"
    write_program(stub, STUB)
    write_commands(work)
    text = stock_configuration(work.ports, stub, work.job_name)
    text += OWN.format(control=work.control, commands=work.commands)
    secret_files.write_secret(work.folder / "jupyterhub_config.py", text, owner=owner)
    work.layout.npm.symlink_to(find_module(Layout(default_prefix()), "configurable-http-proxy").parents[1])


@contextlib.contextmanager
def stock_hub_at_work(slurm: SlurmCluster) -> Iterator[StockHub]:
    """Such a hub of ana's own, gone at the end."""
    place = Path(tempfile.mkdtemp(prefix="stock-hub-"))
    place.chmod(0o755)
    user = slurm.people.ana or pwd.getpwuid(os.geteuid()).pw_name
    plan = Plan(Accounts(People(user, "", "", ""), user, user, user, user), Ports(*free_ports(6)), {})
    work = StockHub(slurm, place, plan, user)
    try:
        lay_out(work)
        work.begin_anew()
        yield work
    finally:
        for name in list(work.processes):
            work.kill(name)
        for job, _ in work.jobs():
            with contextlib.suppress(subprocess.CalledProcessError):
                slurm.run("scancel", job)
        shutil.rmtree(place)
