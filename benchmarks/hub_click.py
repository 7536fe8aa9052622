"""From the click to a JupyterLab that can be used, beyond what Slurm and the server themselves take.

    python benchmarks/hub_click.py [--starts 15]

Three take turns on one real Slurm: sbatch called directly with the same server, no hub in between (what Slurm and the
server's own start take); batchspawner as it is; ours. Each time it is measured how long it takes from the request to
start until the page of JupyterLab is answered 200 to somebody who may see it (through the proxy where there is one).
Same server, same arguments, same environment variables, one CPU; the servers are ended between the turns.

Each start is divided at the server's first line and at its port: until the first line (Slurm, and what a hub and its
job side add), the server's own start, and from its port to the page. The own start is the same program with the same
environment for all three, takes seconds and varies by one from start to start; so what is beyond Slurm and the
server's own start is what the first and the last part take more than the bare start's, by their medians.
batchspawner's job side imports JupyterHub before the first line and its server need not do so again: what its own
start is shorter for that is taken off what it is charged.

The processor time of the job's side is what the process has used when the server's first line runs, less what the bare
server has used there (its interpreter's own start).
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from goal import Goal, show_machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # the hub at work that the tests bring up

from hub_bench.asking import begin, operator
from hub_bench.contenders import BEAMSIDE, batchspawner
from hub_bench.ending import arguments
from hub_bench.hubs import Hub, a_hub
from hub_bench.slurm import a_slurm, jobs_in_queue

from beamside.demo.ports import free_ports, listens
from beamside.demo.slurm.cluster import SlurmCluster
from tests.hub_ext.conftest import identity

PATIENCE = 300.0
"""Seconds for one start."""

BARE = "sbatch, no hub"
MODEL = "model"
"""The server whose environment the bare ones get; it runs throughout, so that its token holds."""


@dataclass(frozen=True)
class Turn:
    """One start: seconds from the click to the server's first line, to its port, to the page; processor seconds."""

    first: float
    listens: float
    wall: float
    processor: float  # of the server's process when its first line ran

    @property
    def parts(self) -> tuple[float, float, float]:
        """Seconds until the first line, of the server's own start, and from its port to the page."""
        return self.first, self.listens - self.first, self.wall - self.listens


async def usable(session: aiohttp.ClientSession, url: str, began: float) -> float:
    """Seconds from `began` until the page is answered 200."""
    while time.monotonic() - began < PATIENCE:
        try:
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status == 200:
                    return time.monotonic() - began
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.02)
    raise SystemExit(f"{url} was not answered 200 within {PATIENCE:.0f} s")


async def watched(hub: Hub, known: set[str], began: float) -> tuple[str, float]:
    """The job of the server that begins next, and seconds from `began` until it listens."""
    while not (new := noted(hub) - known):
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"{hub.name}: no server began within {PATIENCE:.0f} s\n{hub.work.log('hub')}")
        await asyncio.sleep(0.02)
    (job,) = new
    port = int(about(hub, job)["port"])
    while not listens(port) and time.monotonic() - began < PATIENCE:  # noqa: ASYNC110 - it is a port
        await asyncio.sleep(0.02)
    return job, time.monotonic() - began


async def by_hub(hub: Hub, server: str) -> Turn:
    """Start a server by clicking, and leave it running."""
    known, began = noted(hub), time.monotonic()
    watching = asyncio.create_task(watched(hub, known, began))
    async with operator(hub) as session:
        start = await begin(session, hub, server)
        if start.problem:
            raise SystemExit(f"{hub.name} did not start {server}: {start.problem}\n{hub.work.log('hub')}")
        wall = await usable(session, f"{hub.place(server)}/lab", began)
    return turn(hub, *await watching, began, wall)


def turn(hub: Hub, job: str, listening: float, began: float, wall: float) -> Turn:
    """What was measured of a start, with what its server noted."""
    note = about(hub, job)
    return Turn(note["began"] - began, listening, wall, note["processor"])


async def end(slurm: SlurmCluster, hub: Hub, server: str, others: int) -> None:
    """Stop a server and wait until only `others` jobs are left."""
    async with operator(hub) as session, session.delete(f"{hub.api}/users/{hub.user}/servers/{server}") as answer:
        answer.raise_for_status()
    await emptied(slurm, others)


async def emptied(slurm: SlurmCluster, others: int) -> None:
    """Wait until only `others` jobs are left."""
    began = time.monotonic()
    while (jobs := jobs_in_queue(slurm)).total() > others:
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"jobs stay: {jobs}")
        await asyncio.sleep(0.5)


async def bare(slurm: SlurmCluster, hub: Hub, model: dict[str, str]) -> Turn:
    """The same server by sbatch alone; ended again."""
    port, known = free_ports(1)[0], noted(hub)
    environment = {**model, "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}{model['JUPYTERHUB_SERVICE_PREFIX']}"}
    script = f"#!/bin/bash\nexec {hub.work.place / hub.server} --KernelManager.transport=ipc\n"
    argv = ["sbatch", "--parsable", "--time=60", "--output=/dev/null", f"--chdir={hub.work.place}"]
    url = f"http://127.0.0.1:{port}/user/{hub.user}/{MODEL}/lab"
    async with operator(hub) as session:
        began = time.monotonic()
        watching = asyncio.create_task(watched(hub, known, began))
        job = await asyncio.to_thread(submit, slurm.inside(argv), script, environment, hub.user)
        wall = await usable(session, url, began)
    found = turn(hub, *await watching, began, wall)
    slurm.run("scancel", job)
    await emptied(slurm, 1)
    return found


def submit(argv: list[str], script: str, environment: dict[str, str], user: str) -> str:
    """Call sbatch as `user`; the job's number."""
    told = subprocess.run(
        argv, input=script, env=environment, check=True, stdout=subprocess.PIPE, text=True, **identity(user)
    )
    return str(told.stdout).strip()


def noted(hub: Hub) -> set[str]:
    """The jobs whose server noted something."""
    return {path.name for path in hub.notes.iterdir() if path.name.isdigit()}


def about(hub: Hub, job: str) -> dict[str, float]:
    """What a server noted."""
    return dict(json.loads((hub.notes / job).read_text(encoding="ascii")))


def environment_of(hub: Hub) -> dict[str, str]:
    """What the only server that noted something finds in its environment, less what Slurm says of its job."""
    (job,) = noted(hub)
    raw = Path(f"/proc/{about(hub, job)['pid']}/environ").read_bytes().decode(errors="surrogateescape")
    given = dict(item.partition("=")[::2] for item in raw.split("\0") if item)
    kept = {name: value for name, value in given.items() if not name.startswith("SLURM") or name == "SLURM_CONF"}
    return {name: value for name, value in kept.items() if not name.startswith("BEAMSIDE_")}


async def turns(slurm: SlurmCluster, theirs: Hub, ours: Hub, count: int) -> dict[str, list[Turn]]:
    """Everybody's turns, in rounds; the first round is not counted: it fills the caches."""
    found = defaultdict[str, list[Turn]](list)
    await by_hub(ours, MODEL)
    model = environment_of(ours)
    for number in range(count + 1):
        new = {BARE: await bare(slurm, ours, model)}
        for hub in (theirs, ours):
            new[hub.name] = await by_hub(hub, f"turn{number}")
            await end(slurm, hub, f"turn{number}", others=1)
        words = ", ".join(f"{name} {one.wall:.2f} s (job side {one.processor:.2f} s)" for name, one in new.items())
        print(f"{f'round {number}' if number else 'not counted'}: {words}; load {os.getloadavg()[0]:.1f}", flush=True)
        for name, one in new.items() if number else ():
            found[name].append(one)
    return found


def judge(found: dict[str, list[Turn]], theirs: str, ours: str) -> None:
    """Print medians, overheads and ratios."""
    used = {name: statistics.median(one.processor for one in them) for name, them in found.items()}
    parts = {name: [statistics.median(part) for part in zip(*(one.parts for one in them), strict=True)]
             for name, them in found.items()}  # fmt: skip
    over = {}
    for name, (first, own, page) in parts.items():
        over[name] = first - parts[BARE][0] + page - parts[BARE][2]
        print(
            f"{name:20} median {statistics.median(one.wall for one in found[name]):6.2f} s;"
            f" parts {first:.2f} + {own:.2f} + {page:.2f} (first line, own start, page);"
            f" first and last beyond the bare start's {over[name]:5.2f} s; job side {used[name] - used[BARE]:.3f} s",
            flush=True,
        )
    spared = max(0.0, parts[BARE][1] - parts[theirs][1])
    print(f"{theirs}: {spared:.2f} s are taken off, which its server's own start is shorter")
    Goal("overhead beyond Slurm and the server's own start", over[ours], "s", most=0.5).show()
    Goal("the same, as a share of batchspawner's", 100 * over[ours] / (over[theirs] - spared), "%", most=25).show()
    Goal("processor time of the job's side", used[ours] - used[BARE], "s", most=0.1).show()


def main() -> None:
    """Bring everything up, take turns, judge."""
    asked = arguments(__doc__, starts=(15, "starts of each that count"))
    show_machine()
    peer = batchspawner(light=False)
    for contender in (peer, BEAMSIDE):
        contender.show()
    with a_slurm(16) as slurm, a_hub(slurm, peer, "lab.py") as theirs, a_hub(slurm, BEAMSIDE, "lab.py") as ours:
        found = asyncio.run(turns(slurm, theirs, ours, asked.starts))
    judge(found, theirs.name, ours.name)


if __name__ == "__main__":
    main()
