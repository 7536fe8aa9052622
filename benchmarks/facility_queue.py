"""How long a look at a long queue takes: ours, and `squeue --json`, which other tools read, in the same run.

    python benchmarks/facility_queue.py [--singles 10000] [--tasks 100000] [--rounds 5]

A real Slurm is brought up with `--singles` pending jobs, then another with an array of `--tasks` pending tasks. Each
look is a process of its own that asks and turns the answer into jobs; printed are wall seconds, processor seconds and
the largest resident set, of the process and of squeue together. JSON is asked for the single jobs only: at
a hundred thousand tasks it needs gigabytes. Medians over the rounds, ours and JSON's in turn; at the end the figures
with goals. A later look by the same process, as the service makes them, is shown too: what is as it was costs little.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goal import Goal, people, show_machine

from beamside.demo.layout import default_prefix
from beamside.demo.slurm.cluster import SlurmCluster

OURS = """
import asyncio, os
from facility.providers.slurm.run import DirectRunner
from facility.providers.slurm.squeue import Reader, argv
from facility.providers.slurm.text import Marks

reader = Reader()

def look():
    marks = Marks.fresh()
    answer = asyncio.run(DirectRunner(dict(os.environ)).run(argv("squeue", marks), user=None, timeout=120))
    return reader.read(answer.stdout, marks).jobs
"""
AGAIN = (
    OURS
    + """
jobs = look()
"""
)
JSON = """
import json, subprocess

def look():
    return json.loads(subprocess.run(["squeue", "--json"], stdout=subprocess.PIPE, check=True).stdout)["jobs"]
"""
MEASURED = """
import json, resource, sys, time
exec(compile(sys.argv[1], "look", "exec"))

def used():
    return [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]

def spent():
    return sum(use.ru_utime + use.ru_stime for use in used())

began, before = time.monotonic(), spent()
jobs = look()
figures = [time.monotonic() - began, spent() - before, sum(use.ru_maxrss for use in used()) / 1024]
print(len(jobs))
print(json.dumps(figures))
"""


def look(cluster: SlurmCluster, program: str) -> tuple[int, list[float]]:
    """Jobs seen, and [wall s, processor s, MB]."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, program],
        env={**os.environ, **cluster.environment, "SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    count, figures = done.stdout.splitlines()
    return int(count), json.loads(figures)


@contextmanager
def empty_queue() -> Iterator[SlurmCluster]:
    """A Slurm without jobs."""
    with tempfile.TemporaryDirectory(prefix="beamside-bench-") as folder:
        Path(folder).chmod(0o755)
        cluster = SlurmCluster(Path(folder) / "slurm", people=people(), prefix=default_prefix())
        cluster.up()
        try:
            yield cluster
        finally:
            cluster.down()


def hold(cluster: SlurmCluster, *options: str) -> str:
    """Submit what will wait; what sbatch says comes back."""
    line = ("sbatch", "--hold", "-A", "ncem", "--output=/dev/null", *options)
    return cluster.run(*line, user=cluster.people.ana, words="#!/bin/sh\ntrue\n").strip()


def fill(cluster: SlurmCluster, count: int) -> None:
    """Let `count` jobs wait that Slurm holds one by one.

    They are tasks of an array whose comment was changed task by task: so each is a record of its own with a row of its
    own, as a single job is. As many calls of sbatch would take minutes.
    """
    array = hold(cluster, f"--array=1-{count + 1}", "--parsable")
    cluster.run("scontrol", "update", f"JobId={array}_[1-{count}]", "Comment=one", user=cluster.people.ana)


def show(name: str, rounds: list[tuple[int, list[float]]]) -> list[float]:
    """Print one line, and give the medians."""
    wall, cpu, size = (statistics.median(figures[at] for _, figures in rounds) for at in range(3))
    print(f"{name:28} {rounds[0][0]:7} jobs  {wall:6.2f} s wall  {cpu:6.2f} s processor  {size:7.0f} MB")
    return [wall, cpu, size]


def main() -> None:
    """Fill the queue, look, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--singles", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    show_machine()
    singles = measure_singles(chosen.singles, chosen.rounds)
    with empty_queue() as cluster:
        hold(cluster, f"--array=1-{chosen.tasks}")
        tasks = show("beamside, an array", [look(cluster, OURS) for _ in range(chosen.rounds)])
        show("beamside, a later look", [look(cluster, AGAIN) for _ in range(chosen.rounds)])
    for goal in (
        Goal(f"{chosen.singles} single jobs: wall time", singles[0], "s", most=0.6),
        Goal(f"{chosen.tasks} array tasks: wall time", tasks[0], "s", most=2),
        Goal(f"{chosen.tasks} array tasks: processor time", tasks[1], "s", most=1),
        Goal(f"{chosen.tasks} array tasks: memory", tasks[2], "MB", most=200),
    ):
        goal.show()


def measure_singles(count: int, rounds: int) -> list[float]:
    """Our medians for single jobs, with JSON's beside them."""
    with empty_queue() as cluster:
        fill(cluster, count)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(look(cluster, OURS))
            theirs.append(look(cluster, JSON))
        mine = show("beamside", ours)
        peer = show("squeue --json and json.loads", theirs)
    ratios = [b / a for a, b in zip(mine, peer, strict=True)]
    print("ratio: {:.1f} x in wall time, {:.1f} x in processor time, {:.1f} x in size".format(*ratios), flush=True)
    return mine


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
