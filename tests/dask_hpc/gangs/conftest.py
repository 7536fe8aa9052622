"""One cluster for the tests of gangs: two nodes with two ranks each, in one MPI world on the real Slurm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

Gangs = Callable[[str], Any]

JOIN = """
import os, time
from dask_hpc import GangAborted, GangTimeout, NotEnoughRanks, RankLost
cluster = MPICluster.from_name("gangs")
client = cluster.get_client()

def error_of(future, timeout=60):
    error = future.exception(timeout=timeout)
    return [type(error).__name__, str(error)]

def total(comm, x=1):
    return comm.allreduce(x)
"""


@pytest.fixture(scope="package")
def gangs(ana: Notebooks) -> Iterator[Gangs]:
    """Run code in a kernel that has joined the cluster; its `answer` comes back."""
    size = ("--nodes", "2", "--ranks-per-node", "2")
    with ana.cluster("gangs", *size, "--qos", "regular"):
        yield lambda code: ana.kernel(JOIN + code)
