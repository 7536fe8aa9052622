"""Two processes of the service over one real Slurm: one asks it, counted by Slurm itself, and either may be killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from beamside.demo.slurm.cluster import SlurmCluster
from facility.service.scheduler.budget import CREDIT, RATE
from facility.testing import free_port, until

SECONDS = 12.0  # of counting: some five looks at the queue


@dataclass
class Served:
    """One process: where it answers."""

    process: subprocess.Popen[bytes]
    url: str

    def health(self) -> dict:
        """What it says of itself; empty while it does not answer."""
        try:
            return httpx.get(f"{self.url}/health", trust_env=False).json()
        except httpx.TransportError:
            return {}

    @property
    def sees_the_queue(self) -> bool:
        """Whether it has heard of a look at the queue in the last ten seconds."""
        age = self.health().get("poll_age")
        return age is not None and age < 10


@pytest.fixture
def two_served(slurm: SlurmCluster, tmp_path: Path) -> Iterator[tuple[Served, Served, Path]]:
    """Jobs alone, and everything else, over one state directory."""
    ports = [free_port(), free_port()]
    profile, state = tmp_path / "facility.toml", tmp_path / "state"
    commands = ("squeue", "sinfo", "sacct", "sacctmgr", "scontrol")
    lines = "".join(f'{name} = "{slurm.packages.command(name)}"\n' for name in commands)
    profile.write_text(
        f'name = "t"\n[service]\nurl = "http://127.0.0.1:{ports[0]}"\npoll_seconds = 2.0\n'
        f'[systems.t]\ntitle = "t"\nslurm_conf = "{slurm.conf}"\n[systems.t.commands]\n{lines}',
        encoding="utf-8",
    )
    names = (["jobs"], ["identity", "accounts", "images", "reservations"])
    served = []
    for port, of_process in zip(ports, names, strict=True):
        argv = [sys.executable, "-m", "beamside", "serve", *of_process, "--profile", str(profile)]
        with (tmp_path / f"log-{port}").open("wb") as log:
            process = subprocess.Popen(
                [*argv, "--state", str(state), "--listen", f"127.0.0.1:{port}"],
                env={**os.environ, **slurm.environment},
                cwd=Path(__file__).parents[3],
                stderr=log,
            )
        served.append(Served(process, f"http://127.0.0.1:{port}"))
    yield served[0], served[1], state
    for each in served:
        each.process.kill()
        each.process.wait()


def rpcs(slurm: SlurmCluster) -> int:
    """What Slurm's controller has been asked by users, by its own count; sdiag counts itself once."""
    said = subprocess.run(
        slurm.inside([slurm.packages.command("sdiag")]),
        env=slurm.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = re.findall(
        r"^\s*(REQUEST_\w+)\s+\(\s*\d+\)\s+count:(\d+)", said.stdout.split("Remote Procedure Call")[1], re.M
    )
    return sum(int(count) for name, count in rows if name in ASKED)


ASKED = {
    "REQUEST_JOB_INFO",
    "REQUEST_JOB_INFO_SINGLE",
    "REQUEST_JOB_USER_INFO",
    "REQUEST_PARTITION_INFO",
    "REQUEST_NODE_INFO",
    "REQUEST_RESERVATION_INFO",
}
"""What squeue, sinfo and scontrol ask of the controller."""


@pytest.mark.slurm
async def test_two_processes_ask_slurm_no_more_than_one_and_one_polls_on(
    two_served: tuple[Served, Served, Path], slurm: SlurmCluster
) -> None:
    """At most half an RPC a second over both, counted by sdiag; when the one that polled is killed, the other polls."""
    one, other, state = two_served
    await until(lambda: one.sees_the_queue and other.sees_the_queue, 60)
    before, began = rpcs(slurm), time.monotonic()
    await asyncio.sleep(SECONDS)  # what is counted is time itself
    counted, seconds = rpcs(slurm) - before, time.monotonic() - began
    pids = {served.process.pid: served for served in (one, other)}
    polling = pids.pop(int((state / "poller.lock").read_text()))
    left = next(iter(pids.values()))
    polling.process.send_signal(signal.SIGKILL)
    await until(lambda: (state / "poller.lock").read_text() == str(left.process.pid), 60)
    taken = left.health()["poll_age"]
    await until(lambda: left.health()["poll_age"] < taken, 60)

    assert 0 < counted <= RATE * seconds + CREDIT
    assert "up" == next(part["state"] for part in left.health()["subsystems"] if part["name"] == "scheduler")


async def test_the_kernel_gives_no_port_to_two(two_served: tuple[Served, Served, Path], tmp_path: Path) -> None:
    """A third process at an address that is taken ends, and says so; the others are not touched."""
    one, _, state = two_served
    await until(lambda: bool(one.health()), 60)
    address = one.url.removeprefix("http://")
    argv = [sys.executable, "-m", "beamside", "serve", "images", "--profile", str(tmp_path / "facility.toml")]
    said = await asyncio.to_thread(
        subprocess.run, [*argv, "--state", str(state), "--listen", address],
        capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[3], check=False,
    )  # fmt: skip

    assert (True, True) == (said.returncode != 0, "address already in use" in said.stderr)
    assert one.health()
