"""What the scheduler knows of each gang, and of each block that gangs run in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from dask_hpc.gangs.queue import Ask, Grant
from dask_hpc.mpi.place import Place, worker_name


class Mender(Protocol):
    """Who brings the ranks of a block together anew."""

    full: int
    """How many ranks a whole block has."""

    def promises(self, ask: Ask) -> bool:
        """Whether a block will have the ranks that none has now; where it needs a new MPI world, that begins."""
        ...

    def renew(self, number: int, why: str) -> None:
        """Bring the ranks of a block together as a new MPI world, beside what they do."""
        ...


@dataclass
class Block:
    """The ranks of one MPI world: one block, in one of its epochs."""

    number: int
    epoch: int
    size: int
    ranks: dict[int, str] = field(default_factory=dict)  # addresses of those that are here
    lost: set[int] = field(default_factory=set)
    busy: dict[int, str] = field(default_factory=dict)  # ids of the gangs that they are in
    begun: int = 0  # gangs so far
    kept: dict[int, int] = field(default_factory=dict)  # communicators that a rank could not give back to MPI
    is_closed: bool = False  # another world takes its place: no gang begins here any more

    @classmethod
    def of(cls, place: Place) -> Self:
        """The block of a worker. A rank that was replaced alone is the only one of its MPI world."""
        return cls(place.block, place.epoch, place.size)

    def name_of(self, rank: int) -> str:
        """The name of the worker that is or was this rank."""
        return worker_name(self.number, rank, self.epoch)

    def __str__(self) -> str:
        """How many ranks are here, and which are not."""
        lost = ", ".join(self.name_of(rank) for rank in sorted(self.lost))
        return f"block {self.number} has {len(self.ranks)} of {self.size} ranks{f' (lost: {lost})' if lost else ''}"


@dataclass
class Gang:
    """One call of `run_mpi`: as many tasks as ranks."""

    ask: Ask
    keys: dict[str, int] = field(default_factory=dict)  # the tasks not yet forgotten, with their rank in the gang
    ready: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    block: Block | None = None
    grant: Grant | None = None
    began: float | None = None  # by time.monotonic
    on: set[str] = field(default_factory=set)  # addresses of the ranks that have not left it
    ended: tuple[str, str] | None = None  # the kind and the words of its error
    timer: asyncio.TimerHandle | None = None
    results: dict[int, bytes] = field(default_factory=dict)  # small ones, of the ranks that are done

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Self:
        """The gang that an annotation of its tasks tells of."""
        return cls(Ask(told["id"], told["size"], tuple(told["ranks"]), told["block"]))

    def rank_of(self, key: str) -> str:
        """The rank of one of its tasks, in words."""
        return self._name(int(key.rpartition("-")[2]))

    def rank_at(self, rank: int) -> str:
        """A rank of its block, in words."""
        return self._name(self.grant.ranks.index(rank) if self.grant else -1)

    def _name(self, index: int) -> str:
        if self.block is None or self.grant is None:
            return f"the input of rank {index}"
        return f"rank {index} ({self.block.name_of(self.grant.ranks[index])})"

    def stop_timer(self) -> None:
        """No time limit any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
