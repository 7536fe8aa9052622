"""Hundreds who press Start at once, and a hub that is killed and started again while it has a thousand servers.

    python benchmarks/hub_spawns.py [--at-once 300] [--servers 1000]

`--at-once` servers are asked for in the same moment, of one hub after the other: of JupyterHub's null spawner, whose
servers are there already; of batchspawner; of ours. The latter two start a real Slurm job for each, whose server is a
stub that listens about 0.05 s after it was begun; both run on the machine that also does all of Slurm's work, which
the null spawner has for itself: therefore the hub's own processor time for each start is printed too, and how many of
the same stubs Slurm starts in a second where sbatch is called by a loop and no hub is there. No spawner can be faster
than that on the machine at hand, whatever the null spawner does.

Then our hub gets as many servers as make `--servers`, is killed (SIGKILL) and started again: how long until it calls
all of them ready, what was asked of slurmctld meanwhile, and whether each of them still answers.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from goal import Goal, processor_seconds, show_machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # the hub at work that the tests bring up

from hub_bench.asking import begin_all, operator, ready, serving
from hub_bench.contenders import BEAMSIDE, NULL, Contender, batchspawner
from hub_bench.ending import arguments
from hub_bench.hubs import Hub, a_hub, install_servers
from hub_bench.slurm import a_slurm, end_all_jobs, jobs_in_queue, questions

from beamside.demo.ports import free_ports, listens
from beamside.demo.slurm.cluster import SlurmCluster

PATIENCE = 600.0
"""Seconds that the bare jobs may take, all together."""

AT_ONCE = 20
"""Starts on their way at a time where the hub is only being filled."""


@dataclass(frozen=True)
class Rush:
    """What became of many starts at once."""

    count: int
    failed: int
    seconds: float  # from the first click to the last ready server
    median: float  # seconds of one
    processor: float  # seconds of the hub's process, all together

    @property
    def rate(self) -> float:
        """Servers that became ready, a second."""
        return (self.count - self.failed) / self.seconds

    def show(self) -> None:
        """Print it."""
        print(
            f"    {self.count} at once, {self.failed} failed: {self.rate:.2f} a second (the last after"
            f" {self.seconds:.1f} s, half within {self.median:.1f} s); the hub's own processor time"
            f" {1000 * self.processor / self.count:.0f} ms each; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


async def rush(hub: Hub, count: int) -> Rush:
    """Ask for `count` servers in the same moment."""
    async with operator(hub) as session:
        used = processor_seconds(hub.pid)
        starts = await begin_all(session, hub, (f"rush{number}" for number in range(count)), count)
    used = processor_seconds(hub.pid) - used
    problems = Counter(start.problem for start in starts if start.problem)
    for problem, times in problems.most_common(3):
        print(f"    {times} times: {problem}", flush=True)
    began = min(start.asked for start in starts)
    taken = [start.answered - start.asked for start in starts]
    ended = max(start.answered for start in starts)
    return Rush(count, problems.total(), ended - began, statistics.median(taken), used)


def measure(slurm: SlurmCluster, contender: Contender, count: int) -> Rush:
    """One contender's rush."""
    contender.show()
    with a_hub(slurm, contender, "stub.py") as hub:
        found = asyncio.run(rush(hub, count))
        found.show()
    end_all_jobs(slurm, slurm.people.ana)
    return found


def bare(slurm: SlurmCluster, count: int) -> float:
    """Starts a second that this machine can do with no hub: sbatch four at a time, until each of the stubs listens."""
    user = slurm.people.ana if slurm.is_root else None
    with tempfile.TemporaryDirectory(prefix="beamside-bench-bare-") as place, ThreadPoolExecutor(4) as pool:
        Path(place).chmod(0o755)
        install_servers(Path(place))
        missing = set(free_ports(count))

        def submit(port: int) -> str:
            script = f"#!/bin/sh\nJUPYTERHUB_SERVICE_URL=http://127.0.0.1:{port}/ exec {place}/stub.py\n"
            options = ("--output=/dev/null", "--chdir=/tmp", "--time=60")
            return slurm.run("sbatch", *options, user=user, words=script)

        began = time.monotonic()
        calls = [pool.submit(submit, port) for port in missing]
        while missing and time.monotonic() - began < PATIENCE:
            time.sleep(0.1)
            missing = {port for port in missing if not listens(port)}
        rate = count / (time.monotonic() - began)
        for call in calls:
            call.result()
        end_all_jobs(slurm, slurm.people.ana)
    if missing:
        raise SystemExit(f"{len(missing)} of {count} bare jobs did not listen within {PATIENCE:.0f} s")
    return rate


@dataclass(frozen=True)
class Return:
    """What a restart did."""

    seconds: float
    squeues: int
    lost: int


async def restart(slurm: SlurmCluster, hub: Hub, count: int) -> Return:
    """Fill the hub up to `count` servers, kill it, start it again."""
    async with operator(hub) as session:
        more = [f"more{number}" for number in range(count - len(await ready(session, hub)))]
        problems = [start.problem for start in await begin_all(session, hub, more, AT_ONCE) if start.problem]
        if problems:
            raise SystemExit(f"{len(problems)} of {count} servers did not start: {problems[0]}\n{hub.work.log('hub')}")
        before = await ready(session, hub)
        await asyncio.to_thread(hub.kill)
        asked, began = questions(slurm), time.monotonic()
        await asyncio.to_thread(hub.start)
        missing = await missed(session, hub, before)
        seconds, asked = time.monotonic() - began, questions(slurm) - asked
        await asyncio.sleep(2 * 10 + 5)  # two of its polls, in which a server could still be lost
        answering = await serving(session, hub, before)
        after = await ready(session, hub)
    running = jobs_in_queue(slurm)["RUNNING"]
    print(
        f"    {len(before)} servers: {len(missing)} missing after {seconds:.1f} s; {len(after & answering)} ready and"
        f" answering after two polls, {running} jobs run; asked meanwhile: {dict(asked)};"
        f" load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    squeues = sum(number for name, number in asked.items() if name.startswith("REQUEST_JOB_INFO"))
    return Return(seconds, squeues, len(before - (after & answering)))


async def missed(session: aiohttp.ClientSession, hub: Hub, servers: set[str]) -> set[str]:
    """Wait until the hub calls all of `servers` ready; those that it does not within five minutes."""
    until = time.monotonic() + 300
    while (missing := servers - await ready(session, hub)) and time.monotonic() < until:  # noqa: ASYNC110 - it is the hub that is asked
        await asyncio.sleep(0.1)
    return missing


def main() -> None:
    """Bring Slurm up, measure one hub after the other."""
    asked = arguments(
        __doc__, at_once=(300, "servers asked for in the same moment"), servers=(1000, "servers at the restart")
    )
    show_machine()
    with a_slurm(max(asked.at_once, asked.servers)) as slurm:
        ceiling = bare(slurm, asked.at_once)
        print(
            f"sbatch of the same stub, no hub: {ceiling:.2f} starts a second; load {os.getloadavg()[0]:.1f}", flush=True
        )
        null = measure(slurm, NULL, asked.at_once)
        theirs = measure(slurm, batchspawner(light=True), asked.at_once)
        BEAMSIDE.show()
        with a_hub(slurm, BEAMSIDE, "stub.py") as hub:
            ours = asyncio.run(rush(hub, asked.at_once))
            ours.show()
            back = asyncio.run(restart(slurm, hub, asked.servers))
        end_all_jobs(slurm, slurm.people.ana)
    Goal("rate, of the null spawner's", 100 * ours.rate / null.rate, "%", least=80).show()
    print(
        f"80 % of the null spawner's rate are {0.8 * null.rate:.2f} starts a second; without any hub Slurm does"
        f" {ceiling:.2f} here, and with ours {ours.rate:.2f}, {100 * ours.rate / ceiling:.0f} % of that",
        flush=True,
    )
    Goal("starts that failed", ours.failed, "", most=0).show()
    Goal(f"restart with {asked.servers} servers: all ready within", back.seconds, "s", most=15).show()
    Goal("squeue calls meanwhile", back.squeues, "", most=3).show()
    Goal("servers lost", back.lost, "", most=0).show()
    print(
        f"ours: {ours.rate / theirs.rate:.1f} times batchspawner's rate, and"
        f" {ours.processor / null.processor:.1f} times the null spawner's processor time",
        flush=True,
    )


if __name__ == "__main__":
    main()
