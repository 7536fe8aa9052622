"""This user's clusters as they are found: Slurm says which are gone, the schedulers themselves which are not theirs."""

from __future__ import annotations

import asyncio

from dask_hpc.deploy.heard import waits_for
from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.follow import look
from dask_hpc.jobs.registry import clusters
from dask_hpc.record.standing import STALE, as_found
from facility.clusters import ClusterRecord


async def listing(blocks: Blocks) -> list[ClusterRecord]:
    """Every cluster that may be alive, newest first, and those that failed, or are stale, with their reason."""
    return list(await asyncio.gather(*(as_found(record) for record in await clusters(blocks))))


async def living(blocks: Blocks) -> list[ClusterRecord]:
    """Those that can be joined."""
    return [record for record in await listing(blocks) if record.state not in ("failed", STALE)]


async def in_words(record: ClusterRecord, blocks: Blocks) -> str:
    """How a cluster is: why it is over, or what it waits for; empty where nothing is to be said."""
    if record.reason:
        return record.reason
    if record.state == "starting" and record.job_ids:
        return await look(record, blocks)
    return waits_for("", record.blocks)
