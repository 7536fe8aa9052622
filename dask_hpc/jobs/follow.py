"""Following a cluster from sbatch to its scheduler: the record says when, Slurm says why not yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from dask_hpc.errors import ClusterEnded
from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.recipe import has_recipe
from dask_hpc.jobs.registry import life_of
from dask_hpc.jobs.waiting import in_words, told
from dask_hpc.record.folder import last_log_lines
from facility.clusters import ClusterRecord, read_record
from facility.errors import FacilityError, NotFound
from facility.models import Life

_LOOK_SECONDS = 0.2  # at the record, a file; costs Slurm nothing
_FIRST_ASK_SECONDS = 2.0
_ASK_SECONDS = 10.0  # the least time between two questions to Slurm about one's own job
_ASK_AT_MOST_SECONDS = 60.0


class Questions:
    """When to ask Slurm: soon, then every ten seconds, then more and more seldom."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _FIRST_ASK_SECONDS
        self._pause = _ASK_SECONDS

    def is_due(self) -> bool:
        """Whether it is time; a yes is followed by a no until the next time."""
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + self._pause
        self._pause = min(self._pause * 1.5, _ASK_AT_MOST_SECONDS)
        return True


def ended(record: ClusterRecord, what: str) -> ClusterEnded:
    """The error for a cluster that is over, with how it can begin again where that is known, and the end of its log."""
    log = [line for line in last_log_lines(record.name) if what not in line]
    cure = f"; MPICluster.start_again({record.name!r}) makes it anew" if has_recipe(record.name) else ""
    return ClusterEnded(f"cluster {record.name!r} has ended: {what}{cure}", "\n".join(log))


async def wait_running(name: str, blocks: Blocks, tell: Callable[[str], None]) -> ClusterRecord:
    """Wait until the cluster's scheduler listens, telling what its job waits for.

    Raises ClusterEnded when the job is over before that. Cancelling leaves the job as it is.
    """
    questions = Questions()
    record = read_record(name)
    while True:
        record = await _again(record)
        if record.state == "running":
            return record
        if record.state == "failed":
            raise ended(record, record.reason)
        if record.job_ids and questions.is_due():
            await _ask(record, blocks, tell)
        await asyncio.sleep(_LOOK_SECONDS)


async def look(record: ClusterRecord, blocks: Blocks) -> str:
    """One line about the cluster's job, by one question to Slurm."""
    job_id = record.job_ids[-1]
    try:
        job = await blocks.job(job_id)
    except FacilityError as error:
        return f"job {job_id}: {error}"
    return await told(job, blocks) if job else f"Slurm knows no job {job_id}"


async def wait_over(record: ClusterRecord, timeout: float | None, blocks: Blocks) -> ClusterEnded:
    """Wait until the cluster is over, and return that as an error for whoever still wanted it.

    The record tells when the job could leave its last word; Slurm is asked, seldom, about one that could not.
    """
    ends = None if timeout is None else time.monotonic() + timeout
    questions = Questions()
    try:
        while ends is None or time.monotonic() < ends:
            record = await _again(record)
            if record.state == "failed":
                return ended(record, record.reason)
            if questions.is_due() and await life_of(record, blocks) is Life.GONE:
                return ended(record, f"job {', '.join(record.job_ids)} is over")
            await asyncio.sleep(_LOOK_SECONDS)
    except ClusterEnded as closed:
        return closed
    return ended(record, f"its scheduler has gone, and job {', '.join(record.job_ids)} has not said why")


async def _again(record: ClusterRecord) -> ClusterRecord:
    """The record as it is now. Raises ClusterEnded where it was removed."""
    try:
        return await asyncio.to_thread(read_record, record.name)
    except NotFound as error:
        raise ended(record, "it was closed") from error


async def _ask(record: ClusterRecord, blocks: Blocks, tell: Callable[[str], None]) -> None:
    job_id = record.job_ids[-1]
    try:
        job = await blocks.job(job_id)
    except FacilityError as error:
        tell(f"job {job_id}: {error}")
        return
    if job is not None and not job.state.is_final:
        tell(await told(job, blocks))
        return
    now = await _again(record)
    if now.state == "failed":  # the job's own words are better than Slurm's
        raise ended(now, now.reason)
    raise ended(record, in_words(job) if job else f"Slurm knows no job {job_id}")
