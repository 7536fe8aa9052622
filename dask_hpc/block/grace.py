"""A rank that Slurm tells to end says so to its scheduler, and stays as long as that has a use for the time.

Slurm tells the ranks alone when their job is preempted with a grace time (slurm.conf(5), GraceTime): then the block
leaves with all it holds. When the job itself ends its agent is told too, and the ranks go at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from distributed import Worker
from distributed.comm.core import CommClosedError

TOLD, ANSWER = "told-to-end", "may-stay"
_ANSWER_SECONDS = 3.0  # well below Slurm's KillWait, whose end leaves no time to tidy up


class Grace:
    """What one rank makes of SIGTERM; `go` ends its process at once."""

    def __init__(self, worker: Worker, go: Callable[[], None]) -> None:
        self._worker, self._go = worker, go
        self._is_told = False
        self._patience: asyncio.TimerHandle | None = None
        worker.stream_handlers[ANSWER] = self.answer

    def told(self) -> None:
        """SIGTERM has come; at the second the rank goes, and where no scheduler can be asked."""
        if self._is_told:
            self._go()
        self._is_told = True
        self._patience = asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self._go)
        try:
            self._worker.batched_stream.send({"op": TOLD})
        except CommClosedError:
            self._go()

    def answer(self, stay: bool) -> None:
        """The scheduler's word."""
        if not stay:
            self._go()
        if self._patience is not None:
            self._patience.cancel()
