"""Which named clusters are there, and which records only say so."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.record.folder import release
from facility.clusters import ClusterRecord, list_records, remove_record
from facility.errors import FacilityError
from facility.models import Life

_SUBMIT_SECONDS = 90.0  # a maker that has not written its job's id after this long is dead


async def life_of(record: ClusterRecord, blocks: Blocks) -> Life:
    """Whether Slurm still holds the job of this cluster's scheduler; UNKNOWN where Slurm gives no answer."""
    if record.state == "failed":
        return Life.GONE
    if not record.job_ids:
        return Life.GONE if time.time() - record.created > _SUBMIT_SECONDS else Life.ALIVE
    try:
        job = await blocks.job(record.job_ids[0])
    except FacilityError:
        return Life.UNKNOWN
    return Life.GONE if job is None or job.state.is_final else Life.ALIVE


def forget(name: str) -> None:
    """Remove the record and all files of a cluster that is gone."""
    remove_record(name)
    release(name)


async def clusters(blocks: Blocks) -> list[ClusterRecord]:
    """Every cluster of this user's that may be alive, newest first, and those that failed and wait to be read.

    A record whose first job Slurm no longer holds is removed; further jobs of it are cancelled. One that Slurm says
    nothing about stays.
    """
    records = list_records()
    lives = await asyncio.gather(*(life_of(record, blocks) for record in records))
    kept = []
    for record, life in zip(records, lives, strict=True):
        if life is Life.GONE and record.state != "failed":
            for job_id in record.job_ids[1:]:
                with suppress(FacilityError):
                    await blocks.cancel(job_id)
            forget(record.name)
        else:
            kept.append(record)
    return kept
