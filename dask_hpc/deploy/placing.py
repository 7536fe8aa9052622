"""Where a cluster's scheduler is, and how it begins there.

"job"     in the first block's batch job, beside its ranks; the cluster ends with that job
"here"    a process of its own on this machine, e.g. that of the Jupyter server; the blocks are all alike, and it goes
          on when every kernel is dead, and where compute nodes may not submit jobs
"client"  the same, as long as this process lives
"""

from __future__ import annotations

import os
import select
import socket
import sys
from asyncio.subprocess import DEVNULL
from typing import Literal, get_args

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.detached import start_detached
from dask_hpc.jobs.processes import id_of
from dask_hpc.jobs.recipe import Recipe
from dask_hpc.record.folder import log_of
from facility.errors import OptionError
from facility.models import JobRequest

Place = Literal["job", "here", "client"]
PLACES: tuple[str, ...] = get_args(Place)

_held: list[int] = []
"""Our ends of the pipes to the schedulers that shall live as long as this process; nothing is ever written."""


def read_place(scheduler: str) -> str:
    """The place that was asked for. Raises OptionError for another word."""
    if scheduler not in PLACES:
        raise OptionError("scheduler", f"{scheduler!r} is no place for it; there are {', '.join(PLACES)}")
    return scheduler


async def begin(name: str, recipe: Recipe, request: JobRequest, blocks: Blocks) -> str:
    """Begin the cluster `name` by its first block, and return its id. Raises what `Blocks.submit` raises."""
    if recipe.within:
        from dask_hpc.jobs.in_this_job import begin_within  # noqa: PLC0415 - of no use where there is no Slurm

        return await begin_within(recipe.within, name, recipe.system, blocks.environment)
    if recipe.place == "job":
        return await blocks.submit(request, name, recipe.ranks_per_node)
    argv = (sys.executable, "-P", "-m", "dask_hpc.block.host", name, recipe.place)
    log = log_of(name, 0)
    if recipe.place == "here":
        return id_of(await start_detached(argv, log, blocks.environment, DEVNULL))
    theirs, ours = os.pipe()
    try:
        process = id_of(await start_detached(argv, log, blocks.environment, theirs))
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    _held[:] = [*(pipe for pipe in _held if not _is_over(pipe)), ours]
    return process


def begun(recipe: Recipe, job_id: str) -> str:
    """What has begun, in words."""
    if recipe.within:
        return f"step {job_id} begins in this job"
    if recipe.place == "job":
        return f"job {job_id} is submitted"
    return f"the scheduler begins on {socket.gethostname()}"


def _is_over(pipe: int) -> bool:
    """Whether nobody has the other end any more; then ours is closed too."""
    poll = select.poll()
    poll.register(pipe, 0)
    if not poll.poll(0):
        return False
    os.close(pipe)
    return True
