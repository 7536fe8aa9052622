"""Gangs of one rank where there is no MPI: a laptop runs the same notebook with `ranks=1`.

The communicator stands in for MPI's with what a function of one rank can ask of it. Whatever names mpi4py itself
needs mpi4py: `pip install mpi4py mpich`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Never, Self

from distributed import Worker

from dask_hpc.gangs.member import Function, Outcome, Part, Report

Thing = Any
Operation = Callable[[Any, Any], Any] | None


class AloneComm:
    """A communicator of one rank. Buffers are anything that NumPy can copy between."""

    rank, size = 0, 1

    def Get_rank(self) -> int:
        """Always 0."""
        return self.rank

    def Get_size(self) -> int:
        """Always 1."""
        return self.size

    def barrier(self) -> None:
        """Nobody has to be waited for."""

    Barrier = Free = barrier

    def bcast(self, obj: Thing, root: int = 0) -> Thing:
        """The object itself."""
        _check(root)
        return obj

    def Bcast(self, buf: Thing, root: int = 0) -> None:
        """The buffer holds it already."""
        _check(root)

    def scatter(self, sendobj: Sequence[Thing], root: int = 0) -> Thing:
        """The only item."""
        _check(root)
        (mine,) = sendobj
        return mine

    def gather(self, sendobj: Thing, root: int = 0) -> list[Thing]:
        """A list of the object."""
        _check(root)
        return [sendobj]

    def allgather(self, sendobj: Thing) -> list[Thing]:
        """A list of the object."""
        return [sendobj]

    def alltoall(self, sendobj: Sequence[Thing]) -> list[Thing]:
        """A list of the only item."""
        (mine,) = sendobj
        return [mine]

    def reduce(self, sendobj: Thing, op: Operation = None, root: int = 0) -> Thing:
        """The object itself."""
        _check(root)
        return sendobj

    def allreduce(self, sendobj: Thing, op: Operation = None) -> Thing:
        """The object itself."""
        return sendobj

    scan = allreduce

    def exscan(self, sendobj: Thing, op: Operation = None) -> None:
        """Nothing comes before the first rank."""

    def Allreduce(self, sendbuf: Thing, recvbuf: Thing, op: Operation = None) -> None:
        """A copy."""
        recvbuf[...] = sendbuf.reshape(recvbuf.shape)

    Scan = Allreduce

    def Reduce(self, sendbuf: Thing, recvbuf: Thing, op: Operation = None, root: int = 0) -> None:
        """A copy."""
        _check(root)
        self.Allreduce(sendbuf, recvbuf)

    def Gather(self, sendbuf: Thing, recvbuf: Thing, root: int = 0) -> None:
        """A copy."""
        _check(root)
        self.Allreduce(sendbuf, recvbuf)

    Scatter = Gather

    def Allgather(self, sendbuf: Thing, recvbuf: Thing) -> None:
        """A copy."""
        self.Allreduce(sendbuf, recvbuf)

    Alltoall = Allgather

    def Dup(self) -> Self:
        """Itself: there is nothing to keep apart."""
        return self

    def Split(self, color: int = 0, key: int = 0) -> Self:
        """Itself."""
        return self

    def __getattr__(self, name: str) -> Never:
        """Say what is missing, and how to get it."""
        raise AttributeError(f"a communicator without MPI has no {name}; pip install mpi4py mpich brings MPI")


def _check(root: int) -> None:
    if root != 0:
        raise ValueError(f"root is {root}, but there is one rank, number 0")


class AloneStage:
    """The place of the only rank of a world without MPI."""

    def attach(self, worker: Worker) -> None:
        """See `Stage.attach`."""

    def run(self, part: Part, function: Function, arguments: tuple[Outcome, ...], failed: Report) -> Outcome:
        """See `Stage.run`."""
        return function(AloneComm(), *arguments)
