"""The workers of one node in a cluster without MPI: one process imports what they need, and forks them.

`python -m dask_hpc.block.node NAME JOB BLOCK EPOCH [RANK PROCESS]` is what srun starts, once on each node; RANK is
given where it has one worker alone, which replaces a lost one that was, and may still be, PROCESS. So the files of
Python's packages are looked up and read once, however many workers the node has.

The process that forks never has a second thread, nor an event loop: what another thread holds at that moment, a lock
for example, nobody gives back in the process that is forked.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dask_hpc.block.predecessor import end_predecessor
from dask_hpc.block.rank import WRONG_MPI, NoScheduler, with_scheduler
from dask_hpc.mpi.alike import NotAlike, check_versions
from dask_hpc.mpi.cpus import shares
from dask_hpc.mpi.gpus import NoGpus, own_gpus
from dask_hpc.mpi.place import Place
from dask_hpc.mpi.world import World
from dask_hpc.record.folder import Spec, read_spec
from facility.clusters import ClusterRecord

_THREADS = Path("/proc/self/task")
_TOLD = {signal.SIGCHLD, signal.SIGTERM}
_ALWAYS = ("numpy", "dask_hpc.block.rank_worker")  # the latter brings dask and distributed


@dataclass(frozen=True)
class Share:
    """What one worker has of its node."""

    gpus: Mapping[str, str]  # the variables that name its own
    cpus: Collection[int]  # empty: it is not bound

    def take(self) -> None:
        """Let this process have that, and no more."""
        os.environ.update(self.gpus)
        if self.cpus:
            os.sched_setaffinity(0, self.cpus)


class NotForkable(Exception):
    """What was imported cannot be shared by processes; the text names it and the key that asked for it."""


def main() -> int:
    """Be the process of one node that the command line names, as long as a worker of it lives."""
    name, job, block, epoch, *alone = sys.argv[1:]
    try:
        check_versions(name)
        spec = read_spec(name)
        if alone:
            end_predecessor(int(alone[1]), job)
        ranks = [int(alone[0])] if alone else _ranks_of_node(spec)
        node = shares_of_node(spec)
        sys.path.append(str(Path.cwd()))  # last: the notebook's own modules can be found, and can hide no other
        import_once(spec.import_once)
        record = with_scheduler(name, World(0, 1))
    except (NotForkable, NoGpus, NotAlike) as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_MPI
    except NoScheduler as error:
        sys.stderr.write(f"{error}\n")
        return 1
    host = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    places = [Place(int(block), int(epoch), rank, 1, job, host) for rank in ranks]
    follow(_forked(spec, record, places, node), by_srun=bool(spec.launch))
    return 0


def _ranks_of_node(spec: Spec) -> list[int]:
    """The numbers of this node's workers in their block: nodes follow one another, as Slurm counts its tasks."""
    first = int(os.environ.get("SLURM_PROCID", "0")) * spec.ranks_per_node if spec.launch else 0
    return list(range(first, first + spec.ranks_per_node))


def shares_of_node(spec: Spec) -> list[Share]:
    """What each of a node's workers has of it. Raises NoGpus where Slurm gave too few."""
    count = spec.ranks_per_node
    cpus = shares(count, spec.threads_per_rank) or [set()] * count
    return [Share(own_gpus(os.environ, spec.gpus_per_rank, place), cpus[place]) for place in range(count)]


def import_once(further: Iterable[str]) -> None:
    """Import what every worker needs, and packages that were asked for.

    Raises NotForkable where one of those is not there, or starts a thread.
    """
    gc.disable()  # nothing of what is imported is garbage, and to look for it takes a tenth of an import's time
    for name in _ALWAYS:
        if importlib.util.find_spec(name):  # Dask does without NumPy
            importlib.import_module(name)
    for name in further:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise NotForkable(f"{name} of dask_hpc.import-once cannot be imported: {error}") from error
        if _threads() > 1:
            words = "so that nothing can be forked any more: take it out there, and import it in your tasks"
            raise NotForkable(f"{name} of dask_hpc.import-once starts threads as soon as it is imported, {words}")
    gc.freeze()  # a look for garbage would touch, and thereby copy, the memory that all workers share
    gc.enable()


def _threads() -> int:
    """How many threads this process has, those of compiled libraries too."""
    return len(list(_THREADS.iterdir())) if _THREADS.exists() else threading.active_count()


def _forked(spec: Spec, record: ClusterRecord, places: Iterable[Place], node: Sequence[Share]) -> dict[int, Place]:
    """The workers at these places, by the numbers of their processes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD)
    lifeline, held = os.pipe()  # a worker whose other end is closed has lost this process, and goes
    workers: dict[int, Place] = {}
    for place in places:
        process = os.fork()
        if not process:
            os.close(held)
            _be_worker(spec, record, place, node[place.rank % spec.ranks_per_node], lifeline)
        workers[process] = place
    return workers


def _be_worker(spec: Spec, record: ClusterRecord, place: Place, share: Share, lifeline: int) -> NoReturn:
    """Be the worker at this place, and end with it."""
    from dask_hpc.block.rank_worker import work  # noqa: PLC0415 - it is there, by `import_once`

    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _TOLD)
        share.take()
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()  # else all workers would draw the same numbers
        work(spec, record, place, lifeline)
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, nothing of the process that forked may run on here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def follow(workers: dict[int, Place], *, by_srun: bool) -> None:
    """Wait until all workers have ended, and tell of each that died. SIGTERM is for all of them.

    Slurm tells every process of a step itself, and a worker that is told twice goes at once.
    """
    while workers:
        told = signal.sigwaitinfo(_TOLD)
        if told.si_signo == signal.SIGTERM and not (by_srun and told.si_pid in (0, os.getppid())):
            for process in workers:
                os.kill(process, signal.SIGTERM)
        while workers and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            place, status = workers.pop(ended[0]), os.waitstatus_to_exitcode(ended[1])
            if status:
                why = signal.Signals(-status).name if status < 0 else f"status {status}"
                sys.stderr.write(f"worker {place.name} (process {ended[0]}) ended by {why}\n")


if __name__ == "__main__":
    sys.exit(main())
