"""One process of a gang with `isolation="step"`: an MPI rank of a step of its own, which nothing of Dask runs in.

`python -m dask_hpc.gangs.step NAME GANG ADDRESS SIZE` is what `srun --overlap` starts. It fetches the function and
its arguments from the worker of its rank over the cluster's TLS, calls the function with MPI.COMM_WORLD, and hands
back what came of it. When the gang ends, or that worker does, it ends at once, wherever the function is.

MPI begins before Dask is read, for the reason that `dask_hpc/block/rank.py` tells.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dask_hpc.mpi.gpus import NoGpus, own_gpus
from dask_hpc.mpi.world import WrongMpi, enter_world
from dask_hpc.record.folder import read_spec

_WRONG_MPI = 78  # sysexits.h, EX_CONFIG


def main() -> int:
    """Be the process that the command line names."""
    name, gang, first, size = sys.argv[1:]
    spec = read_spec(name)
    try:
        place = int(os.environ.get("SLURM_PROCID", "0")) % spec.ranks_per_node
        os.environ.update(own_gpus(os.environ, spec.gpus_per_rank, place))
        world = enter_world(int(size), spec.mpi_launch)
    except (WrongMpi, NoGpus) as error:
        sys.stderr.write(f"{error}\n")
        return _WRONG_MPI
    sys.path.append(str(Path.cwd()))  # last: the notebook's own modules can be found, and can hide no other
    from dask_hpc.gangs.step_work import work  # noqa: PLC0415 - after MPI: see above

    work(name, gang, first, world.rank)
    return 0


if __name__ == "__main__":
    sys.exit(main())
