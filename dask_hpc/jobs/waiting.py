"""What a job waits for, in words: Slurm's reason, its place in the queue, and when Slurm expects it to start."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from dask_hpc.jobs.blocks import Blocks
from facility.errors import FacilityError
from facility.models import Job
from facility.reasons import why


async def told(job: Job, blocks: Blocks) -> str:
    """One line about a job; what the scheduler does not tell is left out."""
    if not job.state.is_waiting:
        return in_words(job)
    return in_words(job, ahead=await _ahead(job, blocks), opens=await _opens(job, blocks))


def in_words(job: Job, ahead: int | None = None, opens: datetime | None = None) -> str:
    """The same of what is known already.

    ahead : how many waiting jobs of its partition have a higher priority.   opens : when its reservation begins.
    """
    line = f"job {job.id} is {job.state_word.lower()}"
    if sentence := why(job):
        line += f" ({job.reason}): {sentence}" if job.reason else f": {sentence}"
    if not job.state.is_waiting:
        return line
    if ahead is not None:
        line += f" {_place(ahead)}"
    if job.starts is not None:
        line += f" Slurm expects it to start at {_time(job.starts)}."
    elif opens is not None:
        line += f" Its reservation begins at {_time(opens)}."
    return line


def _place(ahead: int) -> str:
    if not ahead:
        return "No waiting job of its partition has a higher priority."
    return f"{ahead} waiting job{'s have' if ahead > 1 else ' has'} a higher priority."


def _time(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M %Z on %d %b}"


async def _ahead(job: Job, blocks: Blocks) -> int | None:
    with suppress(FacilityError):
        return await blocks.ahead(job)
    return None


async def _opens(job: Job, blocks: Blocks) -> datetime | None:
    """When the reservation that it waits for begins; None where it has begun, or the scheduler tells a start."""
    if not job.reservation or job.starts is not None:
        return None
    with suppress(FacilityError):
        begins = {one.name: one.starts for one in await blocks.reservations()}
        found = begins.get(job.reservation)
        return found if found is not None and found > datetime.now(UTC) else None
    return None
