"""What is answered to gangs where the workers are no ranks."""

from __future__ import annotations

from typing import Never

from distributed import Scheduler

from dask_hpc.errors import NoMpi


def refusal(cluster: str) -> NoMpi:
    """The error of whoever wants MPI of this cluster."""
    return NoMpi(
        f"the workers of cluster {cluster!r} have no MPI, because it was made with mpi=False: "
        "MPICluster(..., mpi=True) makes one whose workers are MPI ranks"
    )


def refuse_gangs(scheduler: Scheduler, cluster: str) -> None:
    """Have the scheduler of this cluster refuse all that needs ranks, from whatever client it comes."""

    def refuse(**_asked: object) -> Never:
        raise refusal(cluster)

    scheduler.handlers |= {"gang_plan": refuse, "regang": refuse}
