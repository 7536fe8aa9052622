"""The end of a gang's task that will never run."""

from __future__ import annotations

import pickle
from typing import Any

from distributed import Scheduler

from dask_hpc.gangs.member import KINDS


def err(scheduler: Scheduler, key: str, ended: tuple[str, str], gang: str) -> None:
    """Give the task the gang's error: its kind, and its words."""
    task = scheduler.tasks.get(key)
    if task is None:
        return
    kind, reason = ended
    error: Any = pickle.dumps(KINDS[kind](reason))  # as Dask keeps its own, whatever its types say
    stimulus = f"gang-{kind}-{gang}"
    if task.state == "no-worker":
        further = scheduler.transition(key, "erred", exception=error, cause=key, stimulus_id=stimulus)
        scheduler.transitions(further, stimulus)
    elif task.state == "waiting":  # Dask errs such a task only on account of another, which may be itself
        task.exception, task.exception_blame, task.exception_text = error, task, reason
        scheduler.transitions({key: "erred"}, stimulus)
