"""What the parts of a cluster's keeper ask of the whole: each looks after one thing, and tells the others here."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from distributed import Scheduler

from dask_hpc.record.folder import Spec
from dask_hpc.scheduling.agents import Agents
from dask_hpc.scheduling.table import Block, Table


class Owner(Protocol):
    """Who has the table of blocks, and answers for it."""

    scheduler: Scheduler
    spec: Spec
    table: Table
    agents: Agents

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this beside all else, as long as the cluster lives."""
        ...

    def start(self, block: Block) -> None:
        """Let the agent of the block start all its ranks."""
        ...

    def lose(self, block: Block, words: str) -> None:
        """A block has ended that is wanted."""
        ...

    def ends_soon(self, block: Block, why: str) -> None:
        """The block's job will end before long, whatever anybody wishes."""
        ...

    def refuse(self, why: str) -> None:
        """Give up what is missing, and let everybody know why."""
        ...

    def fail(self, why: str) -> None:
        """End the cluster, which does not work."""
        ...

    def changed(self) -> None:
        """Let everybody know the table."""
        ...

    def tell(self, line: str) -> None:
        """Let everybody know this line."""
        ...
