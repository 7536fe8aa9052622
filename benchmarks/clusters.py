"""A Dask cluster's workers begun in four ways on one real Slurm: as ranks, forked, by dask-mpi and by dask-jobqueue.

    python benchmarks/clusters.py [--workers 8] [--rounds 5] [--tasks 2000]

The ways take turns, each in one batch job: MPICluster with so many ranks, and with mpi=False with so many workers that
one process has forked; dask-mpi with one rank more, for its scheduler, as it comes and with plain workers and no pages;
dask-jobqueue with so many processes. A round says how long
it took from the call that begins it until a client had seen all workers, and how much processor time the job's
processes had used by then, divided by the workers. The scheduler counts there where it is in the job; dask-jobqueue's
is in the client, which counts for nobody. Ours is compiled beforehand, as pip does for the others. dask-mpi's
distribution alone is laid beside ours, so that Python, Dask and MPI are the same for all.

Then MPICluster and dask-mpi with plain workers, which are Dask's own scheduler and workers without TLS, stand side by
side and take turns at so many tasks that do nothing: the time of one, and the processor time that client and scheduler
have for it.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import pwd
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import psutil
from gangs import profile_of
from goal import Goal, processor_seconds, show_machine
from hub_bench.slurm import a_slurm
from peers.environment import DASK_MPI, beside

sys.path.insert(0, str(Path(__file__).parents[1]))  # the demonstration's Slurm

from distributed import Client

from beamside.demo.processes import wait_until
from dask_hpc import MPICluster
from facility.profile import Commands, load_profile

Way = Callable[[int], AbstractContextManager[Client]]
PLAIN = ("--worker-class", "distributed.Worker", "--no-dashboard")
SECONDS = 300.0
OURS = {"MPICluster": 0.8, "MPICluster(mpi=False)": 0.4}
"""Our ways, with the most processor time that one may have for a worker, in seconds."""


@contextmanager
def ours(workers: int, mpi: bool = True) -> Iterator[Client]:
    """One block of so many ranks, or of so many workers that its node has forked."""
    block = MPICluster(ranks_per_node=workers, memory_per_rank="512 MiB", qos="regular", mpi=mpi)
    with block as cluster, cluster.get_client() as client:
        yield client


@contextmanager
def by_jobqueue(workers: int) -> Iterator[Client]:
    """One job of so many processes; the scheduler is in this one."""
    from dask_jobqueue import SLURMCluster  # noqa: PLC0415 - it leaves a file where DASK_CONFIG says, known by now

    memory = f"{workers * 512} MiB"
    pages = {"scheduler_options": {"dashboard_address": ":0"}}  # else two on one machine quarrel about a port
    with SLURMCluster(cores=workers, processes=workers, memory=memory, interface="lo", **pages) as cluster:
        cluster.scale(jobs=1)
        with Client(cluster) as client:
            yield client


@contextmanager
def by_mpi(workers: int, commands: Commands, options: Sequence[str] = ()) -> Iterator[Client]:
    """One job of so many ranks and one for the scheduler."""
    folder = Path.cwd() / f"dask-mpi-{time.monotonic_ns()}"
    folder.mkdir()
    rank = (sys.executable, "-m", "dask_mpi.cli", "--scheduler-file", "scheduler.json", "--interface", "lo")
    limits = ("--nthreads", "1", "--memory-limit", "512 MiB")
    argv = [commands.srun, "--mpi=pmi2", *rank, *limits, *options]
    asked = (f"--ntasks={workers + 1}", "--nodes=1", f"--mem={512 * (workers + 2)}M", "--time=0:10:00")
    script = f"#!/bin/sh\nexec {shlex.join(argv)}\n"
    submitted = subprocess.run(
        [commands.sbatch, "--parsable", *asked], input=script, cwd=folder, text=True, capture_output=True, check=True
    )
    try:
        with Client(scheduler_file=str(folder / "scheduler.json"), timeout=SECONDS) as client:
            yield client
    finally:
        subprocess.run([commands.scancel, submitted.stdout.strip()], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def of_jobs() -> list[psutil.Process]:
    """This person's processes in jobs of this Slurm."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            around = process.environ()
            if "SLURM_JOB_ID" in around and around.get("SLURM_CONF") == os.environ["SLURM_CONF"]:
                found.append(process)
    return found


def used_by(processes: Sequence[psutil.Process]) -> float:
    """Processor time of these and of what they have started and seen end, in seconds."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def begun(way: Way, workers: int) -> tuple[float, float]:
    """Seconds until all workers are there, and processor seconds a worker; then nothing of it is left."""
    began = time.perf_counter()
    with way(workers) as client:
        client.wait_for_workers(workers, timeout=SECONDS)
        found = time.perf_counter() - began, used_by(of_jobs()) / workers
    wait_until(lambda: not of_jobs(), seconds=SECONDS, pause=0.5, otherwise=lambda: f"processes stay: {of_jobs()}")
    return found


def starts(ways: dict[str, Way], workers: int, rounds: int) -> None:
    """Begin in all ways, in turns, and print the medians."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):  # the first reads files that are nowhere in memory yet
        for name, way in ways.items():
            taken[name].append(begun(way, workers))
            seconds, processor = taken[name][-1]
            note = " (not counted)" if number == 0 else ""
            print(f"{name:24} {seconds:5.1f} s, {processor:.2f} s of processor time a worker{note}", flush=True)
    show_machine()
    seconds = {name: statistics.median(one for one, _ in found[1:]) for name, found in taken.items()}
    processor = {name: statistics.median(other for _, other in found[1:]) for name, found in taken.items()}
    for name in ways:
        print(
            f"{workers} workers, median of {rounds}: {name:24} {seconds[name]:5.1f} s, {processor[name]:.2f} s a worker"
        )
    peers = [name for name in ways if name not in OURS]
    for mine, most in OURS.items():
        Goal(f"processor time a worker start, {mine}", processor[mine], "s", most=most).show()
        for name in peers:
            print(f"processor time, {mine} / {name}: {processor[mine] / processor[name]:.2f}")
        for name in peers:
            Goal(f"time to all workers, {mine} / {name}", seconds[mine] / seconds[name], "", most=1.0).show()


def _same(number: int) -> int:
    return number


def of_tasks(client: Client, pids: Sequence[int], tasks: int) -> tuple[float, float]:
    """Milliseconds and processor milliseconds for one task of so many."""
    before, began = sum(map(processor_seconds, pids)), time.perf_counter()
    client.gather(client.map(_same, range(tasks), pure=False))
    return 1000 * (time.perf_counter() - began) / tasks, 1000 * (sum(map(processor_seconds, pids)) - before) / tasks


def overhead(stock_way: Way, workers: int, rounds: int, tasks: int) -> None:
    """What a task costs beyond its work, ours beside Dask's own."""
    with ours(workers) as mine, stock_way(workers) as stock:
        clients = {"MPICluster": mine, "stock Dask": stock}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
        pids = {name: sorted({os.getpid(), client.run_on_scheduler(os.getpid)}) for name, client in clients.items()}
        for client in clients.values():
            client.wait_for_workers(workers, timeout=SECONDS)
        for _ in range(rounds + 1):
            for name, client in clients.items():
                taken[name].append(of_tasks(client, pids[name], tasks))
        show_machine()
        medians = {name: [statistics.median(one) for one in zip(*taken[name][1:], strict=True)] for name in clients}
        for name, (whole, processor) in medians.items():
            print(
                f"a task of {tasks}, median of {rounds}: {name:12} {whole:.3f} ms, {processor:.3f} ms of processor time"
            )
        ratios = [one / other for one, other in zip(medians["MPICluster"], medians["stock Dask"], strict=True)]
        Goal("time of a task, MPICluster / stock Dask", ratios[0], "", most=1.05).show()
        Goal("processor time of a task, MPICluster / stock Dask", ratios[1], "", most=1.05).show()


def measure(options: argparse.Namespace) -> None:
    """All of it, as a scientist of the cluster."""
    commands = load_profile().system.commands
    ways: dict[str, Way] = {
        "MPICluster": ours,
        "MPICluster(mpi=False)": partial(ours, mpi=False),
        "dask-mpi": partial(by_mpi, commands=commands),
        "dask-mpi, plain workers": partial(by_mpi, commands=commands, options=PLAIN),
        "dask-jobqueue": by_jobqueue,
    }
    show_machine()
    starts(ways, options.workers, options.rounds)
    overhead(ways["dask-mpi, plain workers"], options.workers, options.rounds, options.tasks)


def main() -> None:
    """Bring up a Slurm, and measure as one of its people."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    if "BEAMSIDE_PROFILE" in os.environ:
        measure(options)
        return
    with a_slurm() as slurm, profile_of(slurm) as profile, beside(DASK_MPI) as dask_mpi:
        account = pwd.getpwnam(slurm.people.ana)
        other = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        own = {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name, "LANG": "C.UTF-8"}
        paths = (dask_mpi, Path(__file__).parents[1])
        for package in ("dask_hpc", "facility"):
            compileall.compile_dir(paths[1] / package, quiet=1)
        own |= {"DASK_CONFIG": str(slurm.directory / "dask")}  # not the home: dask-jobqueue leaves a file there
        own |= {"BEAMSIDE_PROFILE": str(profile), "PYTHONPATH": os.pathsep.join(map(str, paths))}
        argv = slurm.inside([sys.executable, str(Path(__file__)), *sys.argv[1:]])
        environment = {**slurm.environment, **own, "PYTHONDONTWRITEBYTECODE": "1"}
        sys.exit(subprocess.run(argv, env=environment, cwd=account.pw_dir, check=False, **other).returncode)


if __name__ == "__main__":
    main()
