"""The batch job of one block: `python -m dask_hpc.block.job NAME NUMBER` is what the job script executes.

Number 0 is the block that holds the scheduler. Exit status 0 means: the block was ended because the cluster was
closed or wants it no more, so that Slurm's accounting says COMPLETED.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from dask_hpc.block.agent import Agent
from dask_hpc.block.first import TOLD_TO_END, BlockFailed, FirstBlock, take_over
from dask_hpc.block.scratch import sweep
from dask_hpc.record.folder import read_spec, release
from facility.clusters import read_record, remove_record
from facility.errors import NotFound

log = logging.getLogger(__name__)


async def run(name: str, block: int, job_id: str, keeper: Coroutine[Any, Any, None] | None = None) -> int:
    """Run the block of cluster `name`, and leave the record as the outcome deserves.

    The cluster of a first block that has a `keeper` closes when that returns.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        return await (_run_further(name, block, job_id) if block else _run_first(name, job_id, keeper))
    finally:
        sweep(job_id)


async def _run_first(name: str, job_id: str, keeper: Coroutine[Any, Any, None] | None) -> int:
    first = FirstBlock(read_spec(name), await take_over(name, job_id))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, first.told_to_end.set)
    if first.agent is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, first.agent.leave_soon)
    kept = asyncio.create_task(keeper) if keeper else None
    if kept is not None:
        kept.add_done_callback(lambda _: first.let_go.set())
    try:
        reason = await first.run()
    except BlockFailed as failure:
        log.error("cluster %s failed: %s", name, failure)
        first.fail(str(failure))
        from dask_hpc.jobs.recipe import cancel_jobs  # noqa: PLC0415 - slow to import, and the ranks wait for us

        await cancel_jobs(name, first.record.job_ids[1:])  # a scheduler that died has not
        return 1
    finally:
        if kept is not None:
            kept.cancel()
    log.info("cluster %s is closed: %s", name, reason)
    if not first.is_replaced:
        remove_record(name)
        release(name)
    return 0


async def _run_further(name: str, block: int, job_id: str) -> int:
    """Be one of the further blocks; where the cluster has ended meanwhile there is nothing to do."""
    try:
        record = read_record(name)
        spec = read_spec(name)
    except (NotFound, FileNotFoundError):
        log.info("cluster %s is closed", name)
        return 0
    agent, told = Agent(spec, block, job_id), asyncio.Event()
    ends = asyncio.create_task(agent.serve(record.agents_address))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, agent.leave_soon)
    waits = asyncio.create_task(told.wait())
    await asyncio.wait({ends, waits}, return_when=asyncio.FIRST_COMPLETED)
    waits.cancel()
    if not ends.done():
        agent.told_to_end()
        ends.cancel()
        with suppress(asyncio.CancelledError):
            await ends
        log.error("block %d of cluster %s: %s", block, name, TOLD_TO_END)
        return 1
    try:
        reason = ends.result()
    except OSError as error:
        log.error("block %d of cluster %s: no scheduler answers: %s", block, name, error)
        return 1
    log.info("block %d of cluster %s ends: %s", block, name, reason or "the scheduler has gone")
    return 0 if reason else 1


def main() -> int:
    """Be the batch job of the block that the command line names."""
    name, block = sys.argv[1:]
    return asyncio.run(run(name, int(block), os.environ["SLURM_JOB_ID"]))


if __name__ == "__main__":
    sys.exit(main())
