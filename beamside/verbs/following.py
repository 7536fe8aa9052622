"""Following a job's log as it is written, until the job has ended and all of it was shown."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from beamside.verbs.show import plain
from facility.client import FacilityClient
from facility.errors import NotFound
from facility.models import Job, JobState
from facility.reasons import why

LOOK = 1.0
"""Seconds between two looks at the log; a job that runs is looked at every fifth time."""

PIECES = 5


def write_raw(piece: bytes) -> None:
    """What a job prints goes on as it is: its owner asked for it."""
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


async def show_log(client: FacilityClient, path: str, write: Callable[[bytes], None] = write_raw) -> None:
    """All that is in the log now. Raises NotFound where there is none."""
    async with client.download(path) as pieces:
        async for piece in pieces:
            write(piece)


async def follow_log(client: FacilityClient, job_id: str, path: str, write: Callable[[bytes], None] = write_raw) -> Job:
    """Show the log as it grows; the job, once it has ended and all of the log was shown.

    How it is until then, a line for each turn, goes to standard error.
    """
    offset, turn, said = 0, 0, ""
    job = await client.job(job_id)
    while True:
        said = _say_how(job, said)
        was_final = job.state.is_final
        offset += await _show_from(client, path, offset, write)
        if was_final:
            return job
        await asyncio.sleep(LOOK)
        turn += 1
        if turn % PIECES == 0 or job.state.is_waiting:
            await client.hint(job_id)
            job = await client.job(job_id)


def _say_how(job: Job, said: str) -> str:
    """Tell how a job is that waits or runs, unless that was said already; what is said by now."""
    words = f"Job {job.id} is {job.state}. {why(job)}".rstrip()
    if job.state.is_final or words == said:
        return said
    sys.stderr.write(f"{plain(words)}\n")
    return words


async def _show_from(client: FacilityClient, path: str, offset: int, write: Callable[[bytes], None]) -> int:
    """Show what lies behind `offset`; how many bytes. A log that is not there yet has none."""
    try:
        piece = await client.read(path, offset)
    except NotFound:
        return 0
    write(piece)
    return len(piece)


def exit_status(job: Job) -> int:
    """The job's own status where it told one; else 0 where it completed, and 1 where something ended it."""
    code = job.exit_code.partition(":")[0]
    own = int(code) if code.isdecimal() else 0
    return own or int(job.state is not JobState.COMPLETED)
