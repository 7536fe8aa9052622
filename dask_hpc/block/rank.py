"""One rank of the cluster: an MPI process that is a Dask worker, in one process without a nanny.

`python -m dask_hpc.block.rank NAME JOB BLOCK EPOCH [RANK PROCESS]` is what srun starts; RANK is given where it
replaces a lost one alone, which was, and may still be, PROCESS. MPI is initialised before Dask, with
MPI_THREAD_MULTIPLE (MPI 4.1, section 11.6), because tasks run in the worker's thread while its event loop lives in the
main one.

Dask is read after that too: all ranks of a node that import at once leave its slurmstepd no core, and Slurm's pmi2 cuts
what MPICH's ranks tell one another where it comes to read several of their lines together.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from dask_hpc.block.predecessor import end_predecessor
from dask_hpc.block.scratch import scratch
from dask_hpc.mpi.alike import NotAlike, check_versions
from dask_hpc.mpi.gpus import NoGpus, own_gpus
from dask_hpc.mpi.place import Place
from dask_hpc.mpi.world import WrongMpi, enter_world
from dask_hpc.record.folder import read_spec
from facility.clusters import read_record

WRONG_MPI = 78  # sysexits.h, EX_CONFIG


def main() -> int:
    """Be one rank of the cluster that the command line names."""
    name, job, block, epoch, *alone = sys.argv[1:]
    try:
        check_versions(name)
        spec, record = read_spec(name), read_record(name)
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
    from dask_hpc.block.rank_worker import work  # noqa: PLC0415 - after MPI: see above

    with scratch(job) as spill:
        signal.signal(signal.SIGTERM, lambda _number, _frame: _leave(spill))
        node = os.environ.get("SLURMD_NODENAME") or socket.gethostname()
        place = Place(int(block), int(epoch), int(alone[0]) if alone else world.rank, world.size, job, node)
        work(spec, record, place, spill, lambda: _leave(spill))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return 0


def _leave(spill: str) -> NoReturn:
    """End at once, as Slurm asks, but leave no files; MPI_Finalize could wait for a rank that has gone already."""
    shutil.rmtree(spill, ignore_errors=True)
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
