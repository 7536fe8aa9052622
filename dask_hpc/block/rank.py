"""One rank of the cluster: an MPI process that is a Dask worker, in one process without a nanny.

`python -m dask_hpc.block.rank NAME JOB BLOCK EPOCH [RANK PROCESS]` is what srun starts; RANK is given where it
replaces a lost one alone, which was, and may still be, PROCESS. MPI is initialised before Dask, with
MPI_THREAD_MULTIPLE (MPI 4.1, section 11.6), because tasks run in the worker's thread while its event loop lives in the
main one.

Dask is read after that too: all ranks of a node that import at once leave its slurmstepd no core, and Slurm's pmi2 cuts
what MPICH's ranks tell one another where it comes to read several of their lines together.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import time
from pathlib import Path

from dask_hpc.block.predecessor import end_predecessor
from dask_hpc.mpi.alike import NotAlike, check_versions
from dask_hpc.mpi.gpus import NoGpus, own_gpus
from dask_hpc.mpi.place import Place
from dask_hpc.mpi.world import World, WrongMpi, enter_world, meet
from dask_hpc.record.folder import read_spec
from facility.clusters import ClusterRecord, read_record

WRONG_MPI = 78  # sysexits.h, EX_CONFIG
_LOOK_SECONDS = 0.05
_SCHEDULER_SECONDS = 120.0  # longer than the block's own patience: then it is the block that gave up


class NoScheduler(Exception):
    """The cluster's scheduler did not come up."""


def main() -> int:
    """Be one rank of the cluster that the command line names."""
    name, job, block, epoch, *alone = sys.argv[1:]
    try:
        check_versions(name)
        spec = read_spec(name)
        if alone:
            end_predecessor(int(alone[1]), job)
        rank = int(alone[0]) if alone else int(os.environ.get("SLURM_PROCID", "0"))
        os.environ.update(own_gpus(os.environ, spec.gpus_per_rank, rank % spec.ranks_per_node))  # before MPI sees them
        world = enter_world(1 if alone else spec.ranks, spec.mpi_launch, spec.inside)
    except (WrongMpi, NoGpus, NotAlike) as error:
        if os.environ.get("SLURM_PROCID", "0") == "0":  # one message, not one from every rank
            sys.stderr.write(f"{error}\n")
        return WRONG_MPI
    sys.path.append(str(Path.cwd()))  # last: the notebook's own modules can be found, and can hide no other
    gc.disable()  # nothing of what is imported is garbage, and to look for it takes a tenth of an import's time
    from dask_hpc.block.rank_worker import work  # noqa: PLC0415 - after MPI: see above

    gc.freeze()
    gc.enable()
    try:
        record = with_scheduler(name, world)
    except NoScheduler as error:
        sys.stderr.write(f"{error}\n")
        return 1

    node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
    work(spec, record, Place(int(block), int(epoch), int(alone[0]) if alone else world.rank, world.size, job, node))
    return 0


def with_scheduler(name: str, world: World) -> ClusterRecord:
    """The record of the cluster, once its scheduler runs. Rank 0 looks for that, the others wait for rank 0.

    The first ranks come up beside the scheduler, and a thousand that look would keep a file system busy.
    Raises NoScheduler.
    """
    ends = time.monotonic() + _SCHEDULER_SECONDS
    if world.rank:
        meet(world)
    while (record := read_record(name)).state != "running":
        if record.state == "failed" or time.monotonic() > ends:
            raise NoScheduler(f"cluster {name} has no scheduler: {record.reason or 'it did not start'}")
        time.sleep(_LOOK_SECONDS)
    if not world.rank:
        meet(world)
    return record


if __name__ == "__main__":
    sys.exit(main())
