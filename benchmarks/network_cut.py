"""A network cut between a kernel and its scheduler: how many of sixty futures finish, ours and stock distributed.

Both kernels sit in one network namespace, and lose and regain the same wire at the same moments: packets are dropped,
no connection is closed by anybody. Needs root and `ip`. Run: `python benchmarks/network_cut.py 15 60 240`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from distributed import Client  # noqa: E402 - the path comes first

from dask_hpc import MPICluster  # noqa: E402 - likewise

HERE, THERE = "10.213.57.1", "10.213.57.2"
SUBMITTED = "submitted\n"
TASKS, TASK_SECONDS = 60, 1.0
SETTLE_SECONDS, LATE_SECONDS = 2.0, 150.0
PROFILE = """
name = "cut"
[service]
url = "http://127.0.0.1:9"
[systems.here]
title = "This machine"
scheduler = "none"
network_interface = "{interface}"
"""
NOBODY = "02:00:00:00:00:01"
"""A hardware address that neither end of the wire has: what is sent there is dropped, and nobody is told."""


def run(*argv: str, **options: Any) -> str:  # noqa: ANN401 - those of subprocess
    """What a command prints."""
    return subprocess.run(argv, check=True, capture_output=True, text=True, **options).stdout


@dataclass(frozen=True)
class Wire:
    """A network namespace for kernels, and the one wire between it and the schedulers."""

    name: str

    @property
    def outside(self) -> str:
        """The schedulers' end."""
        return f"{self.name}a"

    @property
    def inside(self) -> str:
        """The kernels' end."""
        return f"{self.name}b"

    def argv(self, *argv: str) -> list[str]:
        """A command inside."""
        return ["ip", "netns", "exec", self.name, *argv]

    def ends(self) -> tuple[tuple[list[str], str, str], ...]:
        """Of both ends: how a command is run there, the device, and the other end's address."""
        return ([], self.outside, THERE), (self.argv(), self.inside, HERE)

    def cut(self) -> None:
        """Lose every packet, both ways."""
        for prefix, end, other in self.ends():
            run(*prefix, "ip", "neigh", "replace", other, "lladdr", NOBODY, "dev", end, "nud", "permanent")

    def heal(self) -> None:
        """Let them pass again."""
        for prefix, end, other in self.ends():
            run(*prefix, "ip", "neigh", "delete", other, "dev", end)


@contextlib.contextmanager
def wire() -> Iterator[Wire]:
    """Lay the wire, and take it away."""
    laid = Wire(f"cut{os.getpid() % 10000}")
    run("ip", "netns", "add", laid.name)
    try:
        run("ip", "link", "add", laid.outside, "type", "veth", "peer", "name", laid.inside, "netns", laid.name)
        for (prefix, end, _), address in zip(laid.ends(), (HERE, THERE), strict=True):
            run(*prefix, "ip", "address", "add", f"{address}/30", "dev", end)
            run(*prefix, "ip", "link", "set", end, "up")
        run(*laid.argv("ip", "link", "set", "lo", "up"))
        yield laid
    finally:
        run("ip", "netns", "delete", laid.name)  # and the wire with it


@contextlib.contextmanager
def ours(place: Path, laid: Wire, environment: dict[str, str]) -> Iterator[None]:
    """Two ranks of an MPICluster."""
    (place / "facility.toml").write_text(PROFILE.format(interface=laid.outside), encoding="utf-8")
    command = [sys.executable, "-m", "dask_hpc"]
    run(*command, "start", "cut", "--ranks-per-node", "2", "--wait", "60 s", env=environment)
    try:
        yield
    finally:
        run(*command, "close", "cut", env=environment)


@contextlib.contextmanager
def stock(place: Path, environment: dict[str, str]) -> Iterator[None]:
    """Two workers of `dask scheduler`, as its own documentation starts them."""
    file = str(place / "scheduler.json")
    start = [sys.executable, "-m", "dask"]
    log = (place / "stock.log").open("wb")
    argvs = (
        [*start, "scheduler", "--host", HERE, "--port", "0", "--no-dashboard", "--scheduler-file", file],
        [*start, "worker", "--scheduler-file", file, "--nworkers", "2", "--nthreads", "1", "--no-dashboard"],
    )
    processes = [subprocess.Popen(argv, env=environment, stdout=log, stderr=log, cwd=place) for argv in argvs]
    try:
        yield
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)
        log.close()


def kernel(kind: str, file: str) -> None:
    """Submit sixty tasks, tell so, and count those that finish; runs inside the namespace."""
    client = MPICluster.from_name("cut").get_client() if kind == "ours" else Client(scheduler_file=file)
    client.wait_for_workers(2)
    futures = client.map(work, range(TASKS), pure=False)
    print(SUBMITTED, end="", flush=True)
    sys.stdin.readline()  # the wire is whole again
    healed, finished = time.monotonic(), 0
    for number, future in enumerate(futures):
        with contextlib.suppress(Exception):  # what a cancelled or lost future raises; it does not count
            finished += future.result(timeout=max(0.1, healed + LATE_SECONDS - time.monotonic())) == number
    print(json.dumps({"finished": finished, "seconds": time.monotonic() - healed}), flush=True)
    os._exit(0)  # a client that cannot reach its scheduler would wait for it


def work(number: int) -> int:
    """A task."""
    time.sleep(TASK_SECONDS)
    return number


def measure(seconds: float, laid: Wire, place: Path, environment: dict[str, str]) -> dict[str, dict[str, Any]]:
    """One cut, both kernels."""
    me = [sys.executable, str(Path(__file__).resolve()), "--kernel"]
    kernels = {
        kind: subprocess.Popen(
            laid.argv(*me, kind, str(place / "scheduler.json")),
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for kind in ("ours", "stock")
    }  # fmt: skip
    for one in kernels.values():
        assert one.stdout and any(line == SUBMITTED for line in one.stdout)  # a handle says more
    time.sleep(SETTLE_SECONDS)
    laid.cut()
    time.sleep(seconds)
    laid.heal()
    return {kind: json.loads(one.communicate("healed\n")[0].splitlines()[-1]) for kind, one in kernels.items()}


def main(cuts: Sequence[float]) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="cut-") as name, wire() as laid:
        place = Path(name)
        own = {"XDG_STATE_HOME": name, "BEAMSIDE_PROFILE": str(place / "facility.toml"), "PYTHONPATH": str(ROOT)}
        environment = {**os.environ, **own}
        with ours(place, laid, environment), stock(place, environment):
            print("cut     ours: finished of 60, s after it    stock: finished of 60, s after it")
            for seconds in cuts:
                found = measure(seconds, laid, place, environment)
                words = (f"{found[kind]['finished']:9d} {found[kind]['seconds']:13.1f}" for kind in ("ours", "stock"))
                print(f"{seconds:4g} s {'             '.join(words)}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--kernel"]:
        kernel(*sys.argv[2:])
    elif os.geteuid() != 0:
        sys.exit("only root can lay a wire of its own; run this as root")
    else:
        main([float(one) for one in sys.argv[1:]] or [15.0, 60.0, 240.0])
