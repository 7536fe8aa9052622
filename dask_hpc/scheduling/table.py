"""The blocks of a cluster as its scheduler knows them: pure state, names and choices; `keeper` acts on it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from dask_hpc.mpi.place import worker_name
from facility.clusters import BlockRecord

_MENDS_A_RANK = 3  # within these seconds; then the block does not work
_MEND_SECONDS = 600.0


class Phase(StrEnum):
    """Where a block is between the wish for it and its end."""

    SUBMITTING = "submitting"
    PENDING = "pending"  # Slurm has the job
    STARTING = "starting"  # its agent has come, its ranks not all
    RUNNING = "running"
    LEAVING = "leaving"  # its results move to others; it takes no tasks
    EMPTY = "empty"  # of the first only: the job holds the scheduler, and no rank


@dataclass
class Block:
    """One block: a batch job and its ranks."""

    number: int
    ranks: int
    phase: Phase = Phase.SUBMITTING
    job_id: str = ""
    words: str = ""
    epoch: int = 0  # the latest
    epochs: list[int] = field(default_factory=list)  # in which each rank came, or is awaited
    here: set[int] = field(default_factory=set)  # ranks that have come in that epoch
    coming: int | None = None  # the epoch of a new world of all ranks, that comes beside the present ones
    came: set[int] = field(default_factory=set)  # ranks of that world
    came_not: str = ""  # why the last one did not come
    has_worked: bool = False  # a rank of this job has come
    is_over: bool = False  # Slurm has told its agent to end
    _has_begun: bool = False
    _mends: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._mends = deque(maxlen=_MENDS_A_RANK * self.ranks)
        self.epochs = [self.epoch] * self.ranks

    @property
    def is_live(self) -> bool:
        """Whether its workers are wished for."""
        return self.phase not in (Phase.LEAVING, Phase.EMPTY)

    @property
    def names(self) -> set[str]:
        """The names of its workers, present or awaited."""
        return {worker_name(self.number, rank, epoch) for rank, epoch in enumerate(self.epochs)}

    def begin_one(self, rank: int) -> int:
        """The epoch, a new one, of a step of one rank."""
        self.epoch += 1
        self.epochs[rank] = self.epoch
        self.here.discard(rank)
        return self.epoch

    def begin(self) -> int:
        """The epoch, a new one, of a step of all ranks."""
        self.epoch += self._has_begun
        self._has_begun = True
        self.epochs = [self.epoch] * self.ranks
        self.here.clear()
        self.coming = None
        self.phase = Phase.STARTING
        return self.epoch

    def begin_beside(self) -> int:
        """The epoch, a new one, of a step of all ranks that takes the place of the present ones once it is whole."""
        self.epoch += 1
        self.coming, self.came_not = self.epoch, ""
        self.came.clear()
        return self.epoch

    def take_over(self) -> None:
        """The new world is whole: from now on its ranks are the block's."""
        assert self.coming is not None  # noqa: S101 - asked for when it is there
        self.epochs, self.here, self.coming = [self.coming] * self.ranks, set(self.came), None

    def stay(self, why: str) -> None:
        """The new world does not come: the present ranks stay the block's."""
        self.coming, self.came_not = None, why

    @property
    def is_split(self) -> bool:
        """Whether its ranks are several MPI worlds, since some were replaced alone."""
        return len(set(self.epochs)) > 1

    @property
    def missed(self) -> list[int]:
        """The ranks that are awaited."""
        return [rank for rank in range(self.ranks) if rank not in self.here]

    def expects(self, rank: int, epoch: int) -> bool:
        """Whether the worker of this rank and epoch is wanted."""
        return self.is_live and (self.is_of(rank, epoch) or epoch == self.coming)

    def is_of(self, rank: int, epoch: int) -> bool:
        """Whether no later worker has taken the place of this one."""
        return rank < self.ranks and self.epochs[rank] == epoch

    def arrive(self, rank: int, epoch: int) -> None:
        """A wanted rank has come."""
        self.has_worked = True
        if epoch == self.coming:
            self.came.add(rank)
            return
        self.here.add(rank)
        if len(self.here) == self.ranks:
            self.phase = Phase.RUNNING

    def lost_with(self, epoch: int) -> list[int]:
        """The ranks that are gone when the step of this epoch has ended."""
        return [rank for rank, since in enumerate(self.epochs) if since == epoch]

    def mend(self) -> bool:
        """Whether lost ranks may be replaced now; no where that was done too often of late."""
        now = time.monotonic()
        if len(self._mends) == self._mends.maxlen and now - self._mends[0] < _MEND_SECONDS:
            return False
        self._mends.append(now)
        return True

    @property
    def record(self) -> BlockRecord:
        """What the record of the cluster says about it."""
        there = f"{len(self.here)} of {self.ranks} ranks are here"
        shown = there if self.phase in (Phase.STARTING, Phase.RUNNING) else self.words
        return BlockRecord(self.number, self.job_id, self.phase.value, shown)


class Table:
    """All blocks, and how many are wished for."""

    def __init__(self, ranks: int, wished: int) -> None:
        self.ranks = ranks
        self.wished = wished
        self.wishes = 0  # how often somebody has said how many blocks there shall be
        self.refused = ""  # why the last wish was not fulfilled, in the words of who refused it
        self.is_ending = False  # the first job ends before long, and with it the cluster: nothing is worth beginning
        self.blocks: dict[int, Block] = {}
        self._next = 0

    def add(self) -> Block:
        """A new block, under a number that none had before."""
        block = self.blocks[self._next] = Block(self._next, self.ranks)
        self._next += 1
        return block

    def wish(self, blocks: int) -> None:
        """Somebody says how many there shall be."""
        self.wished, self.refused = blocks, ""
        self.wishes += 1

    def settle(self, refused: str = "") -> None:
        """Be content with what there is, because more was `refused` or none of it can go."""
        self.wished = len(self.live)
        self.refused = refused or self.refused

    @property
    def live(self) -> list[Block]:
        """The blocks whose workers are wished for, in whatever phase."""
        return [block for block in self.blocks.values() if block.is_live]

    @property
    def missing(self) -> int:
        """How many blocks there are too few; negative where there are too many."""
        return self.wished - len(self.live)

    @property
    def plan(self) -> set[str]:
        """The names of all workers that are wished for."""
        coming = range(self._next, self._next + max(self.missing, 0))
        planned = {worker_name(number, rank, 0) for number in coming for rank in range(self.ranks)}
        return planned.union(*(block.names for block in self.live))

    @property
    def requested(self) -> set[str]:
        """The names of all workers whose job Slurm has taken."""
        return set[str]().union(*(block.names for block in self.live if block.job_id))

    def facts(self) -> dict[str, object]:
        """What handles are told, in types that msgpack knows."""
        return {
            "wished": self.wished,
            "refused": self.refused,
            "ranks": self.ranks,
            "plan": sorted(self.plan),
            "requested": sorted(self.requested),
            "blocks": [vars(block.record) for block in self.blocks.values()],
        }
