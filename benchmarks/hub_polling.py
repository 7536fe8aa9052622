"""What a hub with many servers costs while nobody clicks: the scheduler, the processor, the event loop.

    python benchmarks/hub_polling.py [--running 500] [--starting 50] [--seconds 60] [--peers 1]

On one real Slurm, one hub after the other, batchspawner's last: `--running` servers that serve and `--starting` whose
jobs wait in the queue, all of them real jobs with a stub as their server, each with a port of its own. Full size takes
4 GB of memory and some ten minutes a hub on two cores; `--peers 0` leaves batchspawner out. A job lives for an hour,
which is as long as a hub may take to be filled and measured. Then, for `--seconds` without a click:

- what was asked of slurmctld, in RPCs by its own count (sdiag), and how many of them were for jobs (one a squeue);
- the processor time of the hub with the commands that it ran, as a share of one core;
- how long its event loop kept others waiting (a sampler in both hubs, every 200 ms): median and 99 %.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from goal import Goal, processor_seconds, show_machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # the hub at work that the tests bring up

from hub_bench.asking import begin, begin_all, operator
from hub_bench.contenders import BEAMSIDE, Contender, batchspawner
from hub_bench.ending import arguments
from hub_bench.hubs import Hub, a_hub
from hub_bench.loop_delay import delays
from hub_bench.slurm import a_slurm, end_all_jobs, jobs_in_queue, limit_running, questions

from beamside.demo.slurm.cluster import SlurmCluster

AT_ONCE = 8
"""Starts on their way at a time while the hub is filled: nothing is measured then."""


@dataclass(frozen=True)
class Cost:
    """What a hub cost over a while without a click."""

    asked: Counter[str]  # RPCs of slurmctld
    seconds: float
    processor: float  # seconds of the hub and its commands
    beside: float  # seconds of the facility service; 0 where there is none
    delays: list[float]  # of the event loop, ms, in order of their size

    @property
    def calls(self) -> float:
        """RPCs a second."""
        return self.asked.total() / self.seconds

    @property
    def share(self) -> float:
        """Percent of a core."""
        return 100 * self.processor / self.seconds

    @property
    def late(self) -> float:
        """Ms; 99 % of the delays are shorter."""
        return statistics.quantiles(self.delays, n=100)[98]

    def show(self) -> None:
        """Print all of it."""
        squeue = sum(count for name, count in self.asked.items() if name.startswith("REQUEST_JOB_INFO"))
        print(
            f"    {self.calls:6.2f} RPCs a second ({squeue / self.seconds:.2f} for jobs), {self.share:5.1f} % of a core"
            f" (and {100 * self.beside / self.seconds:.1f} % for the facility service),"
            f" event loop: median {statistics.median(self.delays):.1f} ms, 99 % {self.late:.1f} ms,"
            f" longest {self.delays[-1]:.0f} ms; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def with_commands(pid: int) -> float:
    """Processor seconds of a process and of all its children that ended (proc(5), stat, fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


async def fill(slurm: SlurmCluster, hub: Hub, running: int, starting: int, seconds: float) -> Cost:
    """Start everything, wait until it is so, and measure."""
    async with operator(hub) as session:
        began = time.monotonic()
        found = await begin_all(session, hub, (f"run{number}" for number in range(running)), AT_ONCE)
        for start in found:
            if start.problem:
                raise SystemExit(f"{hub.name}: {start.server} did not start: {start.problem}\n{hub.work.log('hub')}")
        print(f"    {running} servers serve after {time.monotonic() - began:.0f} s", flush=True)
        waits = {asyncio.create_task(begin(session, hub, f"wait{number}")) for number in range(starting)}
        while (jobs := jobs_in_queue(slurm)) != Counter({"RUNNING": running, "PENDING": starting}):
            if time.monotonic() - began > 1800:
                raise SystemExit(f"{hub.name}: jobs are {jobs}\n{hub.work.log('hub')}")
            await asyncio.sleep(1)
        await asyncio.sleep(min(30.0, seconds))  # the first minute after a start is not the background
        cost = await asyncio.to_thread(watch, slurm, hub, seconds)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return cost


def watch(slurm: SlurmCluster, hub: Hub, seconds: float) -> Cost:
    """Read every counter, wait, read again."""
    service = hub.work.processes.get("facility")

    def beside() -> float:
        return processor_seconds(service.pid) if service else 0.0

    asked, used, other, began = questions(slurm), with_commands(hub.pid), beside(), time.monotonic()
    time.sleep(seconds)
    ended, used, other = time.monotonic(), with_commands(hub.pid) - used, beside() - other
    asked = questions(slurm) - asked
    time.sleep(2)  # the sampler writes once a second
    return Cost(asked, ended - began, used, other, delays(hub.samples, began, ended))


def measure(slurm: SlurmCluster, contender: Contender, running: int, starting: int, seconds: float) -> Cost:
    """One contender."""
    contender.show()
    with a_hub(slurm, contender, "stub.py") as hub:
        cost = asyncio.run(fill(slurm, hub, running, starting, seconds))
        cost.show()
    end_all_jobs(slurm, slurm.people.ana)
    return cost


def main() -> None:
    """Bring Slurm up, measure one hub after the other, print figures beside their goals and the ratios."""
    asked = arguments(
        __doc__,
        running=(500, "servers that serve"),
        starting=(50, "servers whose job waits"),
        seconds=(60.0, "how long is measured"),
        peers=(1, "0: without batchspawner"),
    )
    peers = [batchspawner(light=True)] if asked.peers else []  # where it cannot run, nothing is begun
    show_machine()
    with a_slurm(asked.running + asked.starting) as slurm:
        limit_running(slurm, asked.running)
        numbers = asked.running, asked.starting, asked.seconds
        ours = measure(slurm, BEAMSIDE, *numbers)
        Goal("scheduler RPCs in the background", ours.calls, "/s", most=0.5).show()
        Goal("the hub's share of a core", ours.share, "%", most=2).show()
        Goal("event loop, 99 % within", ours.late, "ms", most=50).show()
        for peer in peers:
            compare(ours, measure(slurm, peer, *numbers))


def compare(ours: Cost, theirs: Cost) -> None:
    """Print how many times ours the peer's are."""
    print(
        f"batchspawner's are {theirs.calls / max(ours.calls, 1e-9):.0f} times the RPCs, "
        f"{theirs.share / max(ours.share, 1e-9):.1f} times the processor time, "
        f"{theirs.late / max(ours.late, 1e-9):.1f} times the event loop's delay",
        flush=True,
    )


if __name__ == "__main__":
    main()
