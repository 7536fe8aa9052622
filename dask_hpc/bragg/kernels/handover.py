"""The plain tier works at once, while the compiled one is made ready behind it, then takes over.

Compiling takes some ten seconds a machine and precision, loading what was compiled about one; a person at a microscope
should see disks before either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock, Thread

import numpy as np

from dask_hpc.bragg.kernels.finder import Tier, finder
from dask_hpc.bragg.kernels.plan import Plan

log = logging.getLogger(__name__)


def make_ready(plan: Plan) -> None:
    """Compile, or load what was compiled, for the precision of a plan, by finding no disks in an empty pattern."""
    finder("numba")(np.zeros((1, *plan.shape), plan.dtype), plan)


class Handover:
    """Which tier a process uses next; one thread at a time makes the compiled tier ready for each precision."""

    def __init__(self, make_ready: Callable[[Plan], None] = make_ready) -> None:
        self._make_ready = make_ready
        self._lock = Lock()  # guards both below: the threads of a worker ask at once
        self._under_way: dict[np.dtype[np.floating], Thread] = {}
        self._ready: set[np.dtype[np.floating]] = set()

    def tier(self, plan: Plan) -> Tier:
        """`numba` once it is ready for the plan's precision, until then `numpy`. The first call begins; none waits."""
        with self._lock:
            if plan.dtype in self._ready:
                return "numba"
            if plan.dtype not in self._under_way:
                # no daemon: a process that ended inside the compiler could crash; and what it makes is kept on disk
                thread = Thread(target=self._prepare, args=(plan,), name="bragg-compile")
                self._under_way[plan.dtype] = thread
                thread.start()
        return "numpy"

    def wait_ready(self, plan: Plan, timeout: float) -> bool:
        """Wait until the thread for this precision has ended, at most `timeout` seconds; whether it is ready."""
        with self._lock:
            thread = self._under_way.get(plan.dtype)
        if thread is not None:
            thread.join(timeout)
        return plan.dtype in self._ready

    def _prepare(self, plan: Plan) -> None:
        try:
            self._make_ready(plan)
        except Exception:
            # whatever keeps it from compiling here, the plain tier finds the same disks
            log.warning("the compiled tier cannot be used in this process; numpy goes on", exc_info=True)
            return
        with self._lock:
            self._ready.add(plan.dtype)
        log.info("the compiled tier takes over, in %s", plan.dtype)
