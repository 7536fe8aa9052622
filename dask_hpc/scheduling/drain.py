"""Sending workers home without losing what they hold or do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from distributed import Scheduler
from distributed.core import Status

_LOOK_SECONDS = 0.1
_BUSY = ("executing", "long-running")


async def drain(scheduler: Scheduler, workers: Collection[str], patience: float) -> bool:
    """Move what the `workers` (addresses) hold to others, let them finish what runs, and close them.

    They take no new task from the beginning on. Tasks that run have `patience` seconds; then they begin anew elsewhere.
    No where some result fits nowhere else; then they all work on.
    """
    asked = time.time()
    if not await _moved(scheduler, workers):
        return False
    ends = time.monotonic() + patience
    while time.monotonic() < ends and any(_is_busy(scheduler, worker, asked) for worker in workers):  # noqa: ASYNC110 - Dask tells a worker's tasks by its heartbeat only
        await asyncio.sleep(_LOOK_SECONDS)
    if not await _moved(scheduler, workers):  # the results of what ran meanwhile
        return False
    await scheduler.retire_workers(workers=list(workers), close_workers=True, remove=True)
    return True


async def _moved(scheduler: Scheduler, workers: Collection[str]) -> bool:
    """Whether all results that only these workers hold are elsewhere now; where not, they are put to work again."""
    moved = await scheduler.retire_workers(workers=list(workers), close_workers=False, remove=False)
    if all(worker in moved for worker in workers if worker in scheduler.workers):
        return True
    for worker in workers:
        _put_to_work(scheduler, worker)
    return False


def _put_to_work(scheduler: Scheduler, worker: str) -> None:
    state, stimulus = scheduler.workers.get(worker), f"stays-{time.time()}"
    if state is not None and state.status == Status.closing_gracefully:
        word = {"op": "worker-status-change", "status": Status.running.name, "stimulus_id": stimulus}
        scheduler.stream_comms[worker].send(word)
        scheduler.handle_worker_status_change(Status.running, state, stimulus)


def _is_busy(scheduler: Scheduler, worker: str, since: float) -> bool:
    """Whether the worker runs a task, or has not said so since it was asked to leave."""
    state = scheduler.workers.get(worker)
    if state is None or not state.processing:
        return False
    counts = state.metrics.get("task_counts", {})
    return state.last_seen < since or any(counts.get(what) for what in _BUSY)
