"""One collective call on one rank: a barrier that nobody's data hang on, then the operation itself.

The barrier is what makes a collective abortable without harm. A rank that leaves while it waits there leaves no
buffer of the user's in the hands of MPI, and the call can be brought to its end later, when all ranks agree how.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from mpi4py import MPI

from dask_hpc.gangs.stop import Stop, wait_for

GRACE = 0.2
"""Seconds that a rank inside the operation goes on after a stop: all ranks are inside, so it is about to end."""

Outcome = Any
Steps = Generator[MPI.Request, None, Outcome]
"""The requests of one operation, each started when the one before has completed; its return value is the result."""


def nothing() -> Steps:
    """An operation of which only the barrier is wanted."""
    yield from ()


class Entry:
    """A collective call under way; what it needs to be finished is kept until it is."""

    def __init__(self, guard: MPI.Request, steps: Steps) -> None:
        self._guard, self._steps = guard, steps
        self._pending: MPI.Request | None = None
        self.passed = False

    def pass_guard(self, stop: Stop, timeout: float | None = None) -> None:
        """Wait until every rank has made this call."""
        if not self.passed:
            wait_for(self._guard.Test, stop, timeout=timeout)
            self.passed = True

    def finish(self, stop: Stop, timeout: float | None = None) -> Outcome:
        """Do the operation and return its result; may be called again after it was interrupted."""
        self.pass_guard(stop, timeout)
        while True:
            if self._pending is None:
                try:
                    self._pending = next(self._steps)
                except StopIteration as end:
                    return end.value
            wait_for(self._pending.Test, stop, grace=GRACE, busy=True, timeout=timeout)
            self._pending = None
