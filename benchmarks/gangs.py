"""MPI inside Dask against Dask's own way, on four ranks of one cluster on one real Slurm.

    python benchmarks/gangs.py [--rounds 15] [--trips 100] [--good 10000] [--aborted 1000]

Every rank holds an array of 64 MiB as a Dask future. Summed on all ranks: a gang calls `comm.Allreduce` on them; Dask
adds them as a tree of tasks and uses the sum on each worker. Exchanged between all ranks: a gang calls
`comm.Alltoall`; Dask cuts each into four and puts one piece of each together on each worker. Both ways take turns and
bring back one number a rank. The round trip is that of `run_mpi` and its results for a function that does nothing
more than say its rank, beside that of one plain task, and of one on each of the same four workers; and how much
processor time all processes used for it, which other work on the machine changes less than the time.

Then as many gangs as `--good` and `--aborted` say, one after the other in the same cluster (see gang_soak.py): how many
communicators MPI has left on each rank before and after, what the longest wait for the end of an aborted one was, and
what ranks, scheduler and disk hold more than before.
"""

from __future__ import annotations

import argparse
import os
import pwd
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from gang_soak import Soak, rank_of
from goal import Goal, processor_seconds, show_machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # the demonstration's Slurm

from distributed import Client, Future, wait
from hub_bench.slurm import a_slurm

from beamside.demo.slurm.cluster import SlurmCluster
from dask_hpc import MPICluster
from dask_hpc.record.folder import folder_of

Array = Any
Communicator = Any
RANKS = 4
NUMBERS = 8 * 2**20  # of 8 bytes: 64 MiB
PROFILE = """
name = "benchmark"
[service]
url = "http://127.0.0.1:9"
[systems.demo]
title = "Benchmark"
slurm_conf = "{conf}"
network_interface = "lo"
[systems.demo.commands]
"""


def summed(comm: Communicator, mine: Array) -> float:
    """The sum of all ranks' arrays, on each."""
    total = np.empty_like(mine)
    comm.Allreduce(mine, total)
    return float(total[comm.rank])


def exchanged(comm: Communicator, mine: Array) -> float:
    """A piece of every rank's array, on each."""
    found = np.empty_like(mine)
    comm.Alltoall(mine, found)
    return float(found[-1])


class Bench:
    """One cluster with an array on each of its ranks."""

    def __init__(self, cluster: MPICluster, client: Client, rounds: int) -> None:
        self.cluster, self.client, self.rounds = cluster, client, rounds
        workers = client.scheduler_info(n_workers=-1)["workers"]
        self.workers = sorted(workers, key=lambda address: str(workers[address]["name"]))  # in the order of ranks
        parts = [self.task(np.full, NUMBERS, float(i), where=i) for i in range(RANKS)]
        wait(parts)
        self.parts = parts

    def task(self, function: Callable[..., Any], *arguments: Array, where: int) -> Future:
        """One plain task on one worker."""
        return self.client.submit(function, *arguments, workers=[self.workers[where]], pure=False)

    def seconds(self, act: Callable[[], Any]) -> float:
        """How long it takes."""
        began = time.perf_counter()
        act()
        return time.perf_counter() - began

    def compare(self, ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
        """The medians of both, taking turns."""
        taken = [(self.seconds(ours), self.seconds(theirs)) for _ in range(self.rounds + 1)][1:]
        return statistics.median(one for one, _ in taken), statistics.median(other for _, other in taken)

    def sum_by_tasks(self) -> list[float]:
        """Dask's way: a tree, then the use of the sum on each worker."""
        left = self.task(np.add, self.parts[0], self.parts[1], where=0)
        right = self.task(np.add, self.parts[2], self.parts[3], where=2)
        total = self.task(np.add, left, right, where=0)
        return self.client.gather([self.task(_number, total, i, where=i) for i in range(RANKS)])

    def exchange_by_tasks(self) -> list[float]:
        """Dask's way: cut on each worker, and put together on each."""
        pieces = [[self.task(_piece, self.parts[i], j, where=i) for j in range(RANKS)] for i in range(RANKS)]
        whole = [self.task(_joined, [row[j] for row in pieces], where=j) for j in range(RANKS)]
        return self.client.gather([self.task(_number, one, -1, where=j) for j, one in enumerate(whole)])

    def collectives(self) -> None:
        """Sum and exchange."""
        for name, function, by_tasks, most in (
            ("64 MiB allreduce", summed, self.sum_by_tasks, 0.8),
            ("64 MiB a rank alltoall", exchanged, self.exchange_by_tasks, 0.35),
        ):
            ours, theirs = self.compare(lambda f=function: self.gang(f), by_tasks)
            print(f"{name}: gang {1000 * ours:.0f} ms, tasks {1000 * theirs:.0f} ms")
            Goal(f"{name}, gang / tasks", ours / theirs, "", most=most).show()

    def round_trip(self, trips: int) -> None:
        """A gang that does nothing, and plain tasks for scale, taking turns."""
        ways: dict[str, Callable[[], Any]] = {
            "gang of 4": lambda: self.cluster.run_mpi(rank_of).result(),
            "one plain task": lambda: self.task(int, 1, where=0).result(),
            "four plain tasks": lambda: self.client.gather([self.task(int, i, where=i) for i in range(RANKS)]),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        used = dict.fromkeys(ways, 0.0)
        pids = [os.getpid(), *self.client.run(os.getpid).values(), self.client.run_on_scheduler(os.getpid)]
        for name, act in (*ways.items(), *list(ways.items()) * trips):
            before = sum(map(processor_seconds, pids))
            taken[name].append(self.seconds(act))
            used[name] += sum(map(processor_seconds, pids)) - before
        for name, found in taken.items():
            warm = sorted(found[1:])
            best, middle, most = (1000 * warm[int(share * (len(warm) - 1))] for share in (0.1, 0.5, 0.9))
            print(f"round trip of {name}: {middle:.1f} ms, 10 % within {best:.1f}, 90 % within {most:.1f}; "
                  f"{1000 * used[name] / len(found):.0f} ms of processor time")  # fmt: skip
        Goal("round trip of a gang of 4", 1000 * statistics.median(taken["gang of 4"][1:]), "ms", most=20).show()

    def gang(self, function: Callable[..., Any]) -> list[float]:
        """Our way."""
        found: list[float] = self.cluster.run_mpi(function, inputs=self.parts).result()
        return found


def _number(array: Array, index: int) -> float:
    return float(array[index])


def _piece(array: Array, index: int) -> Array:
    size = len(array) // RANKS
    return array[index * size : (index + 1) * size]


def _joined(pieces: list[Array]) -> Array:
    return np.concatenate(pieces)


def measure(options: argparse.Namespace) -> None:
    """All of it, as a scientist of the cluster; the ranks find the functions of these files."""
    os.environ["PYTHONPATH"] = os.pathsep.join((str(Path(__file__).parents[1]), str(Path(__file__).parent)))
    with MPICluster("bench", ranks_per_node=RANKS, qos="regular") as cluster:
        cluster.wait_for_workers(timeout=300)
        client = cluster.get_client()
        bench = Bench(cluster, client, options.rounds)
        show_machine()
        bench.collectives()
        show_machine()
        bench.round_trip(options.trips)
        del bench
        if options.good:
            Soak(cluster, client, folder_of(cluster.name)).show(options.good, options.aborted)
            show_machine()
        client.close()


@contextmanager
def profile_of(slurm: SlurmCluster) -> Iterator[Path]:
    """A facility.toml for this Slurm, which everybody may read."""
    path = slurm.directory / "benchmark.toml"
    commands = ("sbatch", "srun", "squeue", "sacct", "scontrol", "scancel")
    rows = "".join(f'{name} = "{slurm.packages.command(name)}"\n' for name in commands)
    path.write_text(PROFILE.format(conf=slurm.conf) + rows, encoding="utf-8")
    path.chmod(0o644)
    yield path


def main() -> None:
    """Bring up a Slurm, and measure as one of its people."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--trips", type=int, default=100)
    parser.add_argument("--good", type=int, default=1000, help="the issue's figure is 10000")
    parser.add_argument("--aborted", type=int, default=100, help="the issue's figure is 1000")
    options = parser.parse_args()
    if "BEAMSIDE_PROFILE" in os.environ:
        measure(options)
        return
    with a_slurm() as slurm, profile_of(slurm) as profile:
        account = pwd.getpwnam(slurm.people.ana)
        other = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        own = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name, "LANG": "C.UTF-8"}
        own |= {"BEAMSIDE_PROFILE": str(profile), "PYTHONPATH": str(Path(__file__).parents[1])}
        argv = slurm.inside([sys.executable, str(Path(__file__)), *sys.argv[1:]])
        environment = {**slurm.environment, **own, "PYTHONDONTWRITEBYTECODE": "1"}
        sys.exit(subprocess.run(argv, env=environment, cwd=account.pw_dir, check=False, **other).returncode)


if __name__ == "__main__":
    main()
