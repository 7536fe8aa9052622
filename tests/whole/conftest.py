"""One demonstration for the tests of the whole, below a prefix of its own, with what is installed in the real one."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import httpx
import pytest

from beamside.demo.layout import default_prefix
from tests.machine import machine
from tests.whole.spying import spied, wait_for_cluster


@dataclass
class Demo:
    """The command `beamside demo` for one prefix."""

    prefix: Path
    user_prefix: str

    def argv(self, *words: str) -> list[str]:
        """The command line of one part."""
        own = [f"--prefix={self.prefix}", f"--user-prefix={self.user_prefix}"]
        return [sys.executable, "-m", "beamside", "demo", *words, *own]

    def run(self, *words: str, seconds: float = 600) -> subprocess.CompletedProcess[str]:
        """Carry out one part, and show what it said when a test fails."""
        done = subprocess.run(self.argv(*words), capture_output=True, text=True, timeout=seconds, check=False)
        print(done.stdout, done.stderr)
        return done

    def status(self) -> dict[str, Any]:
        """What `status --json` tells."""
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found


@pytest.fixture(scope="session")
def new_demo() -> Iterator[Any]:
    """Makes demonstrations that have nothing but the installed programs in common; all are down at the end."""
    made: list[Demo] = []
    installed = default_prefix()

    def make() -> Demo:
        prefix = Path(tempfile.mkdtemp(prefix="beamside-whole-"))
        prefix.chmod(0o755)  # jobs of other users read below it
        for name in ("npm", "node", "packages"):
            if (installed / name).exists():
                (prefix / name).symlink_to((installed / name).resolve())
        made.append(Demo(prefix, f"t{secrets.token_hex(2)}-" if os.geteuid() == 0 else ""))
        return made[-1]

    yield make
    for demo in made:
        if any((demo.prefix / left).exists() for left in ("state", "machine.json")):
            demo.run("down")
        shutil.rmtree(demo.prefix)


@pytest.fixture(scope="session")
def demo(new_demo: Any) -> Demo:
    """A demonstration that is up."""
    made: Demo = new_demo()
    up = made.run("up")
    assert 0 == up.returncode, up.stderr
    return made


@dataclass(frozen=True)
class Served:
    """`beamside demo` from its start to Ctrl-C."""

    output: Path  # of its tour
    said: list[str]  # before it served
    status: dict[str, Any]  # while it served
    hub: int  # the hub's answer then
    code: int
    before: dict[str, list[str]]  # the machine
    after: dict[str, list[str]]
    spied: dict[str, Any]  # what ben got meanwhile; nothing without root


@pytest.fixture(scope="session")
def served(new_demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One run of the whole: up, the tour with ben listening, serving, Ctrl-C."""
    demo: Demo = new_demo()
    output = tmp_path_factory.mktemp("tour")
    before, got = machine(demo.prefix), {}
    with subprocess.Popen(demo.argv(f"--output={output}"), stdout=subprocess.PIPE, text=True) as command:
        try:
            if os.geteuid() == 0:
                jobs = wait_for_cluster(output, command)
                got = spied(demo.prefix, jobs, {user["name"]: user["account"] for user in demo.status()["users"]})
            said = list(takewhile(lambda line: not line.startswith("serving"), command.stdout or ()))
            status = demo.status()
            hub = httpx.get(f"{status['urls']['hub']}hub/health", trust_env=False)
        finally:
            command.send_signal(signal.SIGINT)
            code = command.wait(120)
    return Served(output, said, status, hub.status_code, code, before, machine(demo.prefix), got)
