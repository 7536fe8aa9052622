"""Which clusters there are, as Dask's tools ask it: the entry point `dask_cluster_discovery`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from dask_hpc.config import read_knobs
from dask_hpc.deploy.cluster import MPICluster
from dask_hpc.deploy.listing import living
from dask_hpc.jobs.blocks import blocks_of
from facility.errors import ProfileError
from facility.profile import load_profile


async def discover() -> AsyncIterator[tuple[str, type[MPICluster]]]:
    """The name of every cluster of this user's that can be joined, and the class whose `from_name` joins it.

    Where no profile says what system this is there are none: a tool asks every package that is installed.
    """
    try:
        system = load_profile().system
    except ProfileError:
        return
    for record in await living(blocks_of(system, read_knobs())):
        yield record.name, MPICluster
