"""MPI with Python objects, pickled, on top of the polled calls with buffers (mpi4py's lower-case names).

An operation with objects is a gathering of sizes and then of bytes; a reduction gathers the objects and folds them in
the order of ranks, so that any function of two can be its operation and every rank finds the same.
"""

from __future__ import annotations

import functools
import itertools
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Literal

from mpi4py import MPI

from dask_hpc.gangs.entry import Steps
from dask_hpc.gangs.waiting import Waiting

Thing = Any
"""Whatever can be pickled."""
Operation = Callable[[Any, Any], Any]


def _pickled(thing: object) -> bytes:
    data: bytes = MPI.pickle.dumps(thing)
    return data


def _loaded(data: bytearray | memoryview) -> Thing:
    return MPI.pickle.loads(data)


def _numbers(values: Sequence[int]) -> array[int]:
    return array("q", values)


def _cut(data: bytearray, sizes: Sequence[int]) -> list[Any]:
    ends = itertools.accumulate(sizes)
    return [_loaded(memoryview(data)[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


def _layout(sizes: Sequence[int]) -> tuple[list[int], list[int]]:
    """Counts, and where each begins."""
    return list(sizes), [0, *itertools.accumulate(sizes)][:-1]


def _bcast(comm: MPI.Intracomm, thing: object, root: int) -> Steps:
    data = _pickled(thing) if comm.rank == root else b""
    size = _numbers([len(data)])
    yield MPI.Intracomm(comm).Ibcast(size, root)
    buffer = bytearray(data) if comm.rank == root else bytearray(size[0])
    yield MPI.Intracomm(comm).Ibcast([buffer, MPI.BYTE], root)
    return thing if comm.rank == root else _loaded(buffer)


def _gather(comm: MPI.Intracomm, thing: object, root: int) -> Steps:
    raw, data = MPI.Intracomm(comm), _pickled(thing)
    sizes = _numbers([0] * comm.size) if comm.rank == root else None
    yield raw.Igather(_numbers([len(data)]), sizes, root)
    if sizes is None:
        yield raw.Igatherv([data, MPI.BYTE], None, root)
        return None
    buffer = bytearray(sum(sizes))
    yield raw.Igatherv([data, MPI.BYTE], [buffer, _layout(sizes), MPI.BYTE], root)
    return _cut(buffer, sizes)


def _allgather(comm: MPI.Intracomm, thing: object) -> Steps:
    raw, data, sizes = MPI.Intracomm(comm), _pickled(thing), _numbers([0] * comm.size)
    yield raw.Iallgather(_numbers([len(data)]), sizes)
    buffer = bytearray(sum(sizes))
    yield raw.Iallgatherv([data, MPI.BYTE], [buffer, _layout(sizes), MPI.BYTE])
    return _cut(buffer, sizes)


def _scatter(comm: MPI.Intracomm, data: Sequence[bytes] | None, root: int) -> Steps:
    raw, size = MPI.Intracomm(comm), _numbers([0])
    sizes = None if data is None else _numbers([len(one) for one in data])
    yield raw.Iscatter(sizes, size, root)
    buffer = bytearray(size[0])
    whole = None if data is None or sizes is None else [b"".join(data), _layout(sizes), MPI.BYTE]
    yield raw.Iscatterv(whole, [buffer, MPI.BYTE], root)
    return _loaded(buffer)


def _alltoall(comm: MPI.Intracomm, data: Sequence[bytes]) -> Steps:
    raw, sizes = MPI.Intracomm(comm), _numbers([0] * comm.size)
    mine = _numbers([len(one) for one in data])
    yield raw.Ialltoall(mine, sizes)
    buffer = bytearray(sum(sizes))
    yield raw.Ialltoallv([b"".join(data), _layout(mine), MPI.BYTE], [buffer, _layout(sizes), MPI.BYTE])
    return _cut(buffer, sizes)


class Objects(Waiting):
    """The lower-case calls of a communicator, with mpi4py's arguments."""

    def barrier(self) -> None:
        """Wait until all ranks are here."""
        self.Barrier()

    def bcast(self, obj: Thing, root: int = 0) -> Thing:
        """The root's object, on every rank."""
        return self.together(_bcast(self, obj, root))

    def gather(self, sendobj: Thing, root: int = 0) -> list[Thing] | None:
        """All ranks' objects, on the root."""
        found: list[Thing] | None = self.together(_gather(self, sendobj, root))
        return found

    def allgather(self, sendobj: Thing) -> list[Thing]:
        """All ranks' objects, on every rank."""
        found: list[Thing] = self.together(_allgather(self, sendobj))
        return found

    def scatter(self, sendobj: Sequence[Thing] | None, root: int = 0) -> Thing:
        """One of the root's objects for each rank."""
        return self.together(_scatter(self, self._one_each(sendobj) if self.rank == root else None, root))

    def alltoall(self, sendobj: Sequence[Thing]) -> list[Thing]:
        """One object from each rank for each rank."""
        found: list[Thing] = self.together(_alltoall(self, self._one_each(sendobj)))
        return found

    def _one_each(self, things: Sequence[Thing] | None) -> list[bytes]:
        if things is None or len(things) != self.size:
            count = "none" if things is None else len(things)
            raise ValueError(f"expecting {self.size} items, one for each rank, got {count}")
        return [_pickled(one) for one in things]

    def reduce(self, sendobj: Thing, op: Operation = MPI.SUM, root: int = 0) -> Thing:
        """All ranks' objects folded by `op` in the order of ranks, on the root."""
        found = self.gather(sendobj, root)
        return None if found is None else functools.reduce(op, found)

    def allreduce(self, sendobj: Thing, op: Operation = MPI.SUM) -> Thing:
        """All ranks' objects folded by `op` in the order of ranks, on every rank."""
        return functools.reduce(op, self.allgather(sendobj))

    def scan(self, sendobj: Thing, op: Operation = MPI.SUM) -> Thing:
        """The objects of the ranks up to this one, folded by `op`."""
        return functools.reduce(op, self.allgather(sendobj)[: self.rank + 1])

    def exscan(self, sendobj: Thing, op: Operation = MPI.SUM) -> Thing:
        """The objects of the ranks before this one, folded by `op`; None on the first."""
        found = self.allgather(sendobj)[: self.rank]
        return functools.reduce(op, found) if found else None

    def send(self, obj: Thing, dest: int, tag: int = 0) -> None:
        """Send an object."""
        self.Send([_pickled(obj), MPI.BYTE], dest, tag)

    def ssend(self, obj: Thing, dest: int, tag: int = 0) -> None:
        """Send an object and wait until it is being received."""
        self.Ssend([_pickled(obj), MPI.BYTE], dest, tag)

    def recv(
        self, buf: Thing = None, source: int = MPI.ANY_SOURCE, tag: int = MPI.ANY_TAG, status: Thing = None
    ) -> Thing:
        """Receive an object. `buf` is there for mpi4py's sake; the memory is made to fit."""
        found = MPI.Status() if status is None else status
        message = self.Mprobe(source, tag, found)
        if found.Get_source() == MPI.PROC_NULL:
            return None
        data = bytearray(found.Get_count(MPI.BYTE))
        self.complete(message.Irecv([data, MPI.BYTE]), busy=True, status=status)
        return _loaded(data)

    def sendrecv(
        self, sendobj: Thing, dest: int, sendtag: int = 0, recvbuf: Thing = None,
        source: int = MPI.ANY_SOURCE, recvtag: int = MPI.ANY_TAG, status: Thing = None,
    ) -> Thing:  # fmt: skip
        """Send one object and receive another."""
        sent = self.Isend([_pickled(sendobj), MPI.BYTE], dest, sendtag)
        found = self.recv(recvbuf, source, recvtag, status)
        self.complete(sent)
        return found

    def mprobe(self, source: int = MPI.ANY_SOURCE, tag: int = MPI.ANY_TAG, status: Thing = None) -> MPI.Message:
        """Wait for a message and take it."""
        return self.Mprobe(source, tag, status)

    def probe(self, source: int = MPI.ANY_SOURCE, tag: int = MPI.ANY_TAG, status: Thing = None) -> Literal[True]:
        """Wait for a message and leave it."""
        return self.Probe(source, tag, status)
