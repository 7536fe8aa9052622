"""Dask for MPI, Slurm and many notebooks: a named cluster of MPI ranks in one batch job.

Names are loaded when they are first used (PEP 562), so that importing this package costs nothing and works
where Dask is absent, as the numeric kernels of `dask_hpc.bragg` must.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dask_hpc.deploy.cluster import MPICluster
    from dask_hpc.errors import (
        ClusterEnded,
        GangAborted,
        GangError,
        GangTimeout,
        NameTaken,
        NoMpi,
        NotEnoughRanks,
        RankLost,
        RegangFailed,
        StepFailed,
    )
    from dask_hpc.gangs.future import MPIFuture
    from dask_hpc.gangs.run import mpi_task

_ERRORS = (
    "ClusterEnded", "GangAborted", "GangError", "GangTimeout", "NameTaken", "NoMpi", "NotEnoughRanks",
    "RankLost", "RegangFailed", "StepFailed",
)  # fmt: skip
_HOMES = {
    "MPICluster": "dask_hpc.deploy.cluster",
    "MPIFuture": "dask_hpc.gangs.future",
    "mpi_task": "dask_hpc.gangs.run",
    **dict.fromkeys(_ERRORS, "dask_hpc.errors"),
}

__all__ = [
    "ClusterEnded",
    "GangAborted",
    "GangError",
    "GangTimeout",
    "MPICluster",
    "MPIFuture",
    "NameTaken",
    "NoMpi",
    "NotEnoughRanks",
    "RankLost",
    "RegangFailed",
    "StepFailed",
    "mpi_task",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, also before they are loaded."""
    return sorted({*globals(), *__all__})
