"""Ending a cluster: by its scheduler where one answers, else by cancelling its job. Nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.follow import wait_over
from dask_hpc.jobs.registry import forget, life_of
from facility.clusters import ClusterRecord, read_record
from facility.errors import NotFound
from facility.models import Life

_LOOK_SECONDS = 0.5


class Closable(Protocol):
    """The part of a scheduler's rpc that ends it."""

    async def terminate(self, *, reason: str) -> None:
        """Send the workers home and stop."""
        ...


async def end_cluster(name: str, scheduler: Closable | None, blocks: Blocks, patience: float) -> str:
    """End the cluster `name` and return what went otherwise than it should, empty where nothing did.

    The scheduler is asked first, so that the job ends by itself and Slurm's accounting says COMPLETED; a job that
    has not ended after `patience` seconds is cancelled. A cluster that is gone is no error.
    """
    try:
        record = read_record(name)
    except NotFound:
        return ""
    if record.state == "failed":
        forget(name)
        return ""
    if scheduler is not None:
        with contextlib.suppress(OSError, TimeoutError):  # the scheduler may be gone before its answer is
            async with asyncio.timeout(patience):
                await scheduler.terminate(reason="closed by its user")
        over = await wait_over(record, patience, blocks)
        if not _is_left(name):
            return ""
        problem = str(over)
    else:
        problem = f"cluster {name!r} had no scheduler; its job {', '.join(record.job_ids)} was cancelled"
    await _cancel(record, blocks, patience)
    forget(name)
    return problem


def _is_left(name: str) -> bool:
    try:
        read_record(name)
    except NotFound:
        return False
    return True


async def _cancel(record: ClusterRecord, blocks: Blocks, patience: float) -> None:
    """Cancel the cluster's jobs and wait until Slurm has let go of them, for at most `patience` seconds."""
    for job_id in record.job_ids:
        await blocks.cancel(job_id)
    with contextlib.suppress(TimeoutError):  # the job ends without us; its files are removed all the same
        async with asyncio.timeout(patience):
            while True:
                if await life_of(record, blocks) is Life.GONE:
                    return
                await asyncio.sleep(_LOOK_SECONDS)
