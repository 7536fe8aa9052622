"""What one handle of a cluster hears from its scheduler: workers, as Dask tells them, and blocks."""

from __future__ import annotations

import uuid
from typing import Any

from distributed import Scheduler
from distributed.comm.core import Comm, CommClosedError
from distributed.scheduler import WorkerStatusPlugin

BLOCKS = "blocks"


class Watcher(WorkerStatusPlugin):
    """Dask's own plugin under a name of its own, so that many kernels can hear."""

    def __init__(self, scheduler: Scheduler, comm: Comm) -> None:
        self.name = f"watcher-{uuid.uuid4().hex}"  # type: ignore[misc]  # a class variable in Dask: one watcher a cluster
        self._scheduler = scheduler
        super().__init__(scheduler, comm)

    def tell(self, facts: dict[str, Any]) -> None:
        """Send the blocks as they are now; a handle that has gone is forgotten."""
        try:
            self.bcomm.send([BLOCKS, facts])
        except CommClosedError:
            self._scheduler.remove_plugin(name=self.name)
