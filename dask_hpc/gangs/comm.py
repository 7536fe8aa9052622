"""The communicator that a gang's function gets: MPI's own, except that waiting in it ends when the gang does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Never, Self

from mpi4py import MPI

from dask_hpc.errors import GangAborted
from dask_hpc.gangs.entry import Steps, nothing
from dask_hpc.gangs.objects import Objects
from dask_hpc.gangs.stop import wait_for
from dask_hpc.gangs.waiting import Status

Buffer = Any
"""What mpi4py takes for a buffer, or for any other argument of the operation."""
Info = Any


class GangComm(Objects):
    """A communicator of one gang: a true `MPI.Intracomm`, for compiled code too.

    Its collectives and its blocking point-to-point calls, with buffers and with objects, are polled: the worker stays
    responsive, and they raise GangAborted, RankLost or GangTimeout when the gang has to end. Requests that the caller
    starts (`Isend`, `Ibcast`) and everything called through `raw` are MPI's own and wait as MPI does.
    """

    def Barrier(self) -> None:
        """Wait until all ranks are here."""
        self.together(nothing())

    # -- messages ----------------------------------------------------------------------------------------------------

    def Probe(self, source: int = MPI.ANY_SOURCE, tag: int = MPI.ANY_TAG, status: Status = None) -> Literal[True]:
        """Wait for a message and leave it."""
        self.conduct.is_loose = True
        wait_for(lambda: super(GangComm, self).Iprobe(source, tag, status), self.conduct.stop)
        return True

    def Recv(self, buf: Buffer, source: int = MPI.ANY_SOURCE, tag: int = MPI.ANY_TAG, status: Status = None) -> None:
        """Receive a message; no buffer is given to MPI before the message is there."""
        self.complete(self.Mprobe(source, tag, status).Irecv(buf), busy=True, status=status)

    def Send(self, buf: Buffer, dest: int, tag: int = 0) -> None:
        """Send a message."""
        self.complete(self.Isend(buf, dest, tag))

    def Ssend(self, buf: Buffer, dest: int, tag: int = 0) -> None:
        """Send a message and wait until it is being received."""
        self.complete(self.Issend(buf, dest, tag))

    def Rsend(self, buf: Buffer, dest: int, tag: int = 0) -> None:
        """Send a message whose receiver waits already."""
        self.complete(self.Irsend(buf, dest, tag))

    def Sendrecv(
        self, sendbuf: Buffer, dest: int, sendtag: int = 0, recvbuf: Buffer = None,
        source: int = MPI.ANY_SOURCE, recvtag: int = MPI.ANY_TAG, status: Status = None,
    ) -> None:  # fmt: skip
        """Send one message and receive another."""
        sent = self.Isend(sendbuf, dest, sendtag)
        self.Recv(recvbuf, source, recvtag, status)
        self.complete(sent)

    def Sendrecv_replace(
        self, buf: Buffer, dest: int, sendtag: int = 0,
        source: int = MPI.ANY_SOURCE, recvtag: int = MPI.ANY_TAG, status: Status = None,
    ) -> None:  # fmt: skip
        """Send what is in the buffer, and receive into it."""
        request = self.Isendrecv_replace(buf, dest, sendtag, source, recvtag)
        self.complete(request, status=status)

    # -- communicators -----------------------------------------------------------------------------------------------

    def _derive(self, make: Callable[[], MPI.Comm]) -> Self:
        """Make a communicator once all ranks are here, so that MPI's own blocking call ends at once."""
        self.together(nothing())
        derived = type(self)(MPI.Intracomm(make()), self.conduct)
        if derived != MPI.COMM_NULL:
            self.conduct.derived.append(derived)
        return derived

    def Dup(self, info: Info = None) -> Self:
        """A communicator of the same ranks."""
        return self._derive(lambda: MPI.Intracomm(self).Dup(info))

    def Clone(self) -> Self:
        """A communicator of the same ranks."""
        return self._derive(lambda: MPI.Intracomm(self).Clone())

    def Split(self, color: int = 0, key: int = 0) -> Self:
        """A communicator of the ranks that say the same colour."""
        return self._derive(lambda: MPI.Intracomm(self).Split(color, key))

    def Split_type(self, split_type: int, key: int = 0, info: Info = MPI.INFO_NULL) -> Self:
        """A communicator of the ranks that share what `split_type` names, for example their node."""
        return self._derive(lambda: MPI.Intracomm(self).Split_type(split_type, key, info))

    def Create(self, group: MPI.Group) -> Self:
        """A communicator of the group; all ranks call this."""
        return self._derive(lambda: MPI.Intracomm(self).Create(group))

    def Free(self) -> None:
        """Let go of a communicator that the function made. The gang's own goes with the gang."""
        if self in self.conduct.derived:
            self.together(nothing())
            self.conduct.derived.remove(self)
            super().Free()

    def Abort(self, errorcode: int = 0) -> Never:
        """End this gang, not the workers, which MPI's own would."""
        raise GangAborted(f"rank {self.rank} called Abort({errorcode})")


def _polled(start: Callable[..., MPI.Request]) -> Callable[..., None]:
    def collective(self: GangComm, *arguments: Buffer, **named: Buffer) -> None:
        def steps() -> Steps:
            yield start(MPI.Intracomm(self), *arguments, **named)

        self.together(steps())

    return collective


def _started(start: Callable[..., MPI.Request]) -> Callable[..., MPI.Request]:
    def loose(self: GangComm, *arguments: Buffer, **named: Buffer) -> MPI.Request:
        self.conduct.is_loose = True
        return start(self, *arguments, **named)

    return loose


COLLECTIVES = (
    "Allgather", "Allgatherv", "Allreduce", "Alltoall", "Alltoallv", "Alltoallw", "Bcast", "Exscan", "Gather",
    "Gatherv", "Reduce", "Reduce_scatter", "Reduce_scatter_block", "Scan", "Scatter", "Scatterv",
)  # fmt: skip
"""Collectives with buffers; each has a nonblocking form (MPI 4.1, section 6.12) with the same arguments."""
REQUESTS = (
    "Isend", "Issend", "Irsend", "Ibsend", "Irecv", "isend", "issend", "ibsend", "irecv", "Isendrecv",
    "Isendrecv_replace", "Bsend", "bsend", "Ibarrier", "Idup", *(f"I{name.lower()}" for name in COLLECTIVES),
)  # fmt: skip
"""Calls that may leave something under way when the gang is aborted."""

for _name in COLLECTIVES:
    _call = _polled(getattr(MPI.Intracomm, f"I{_name.lower()}"))
    _call.__name__, _call.__doc__ = _name, f"{_name} as MPI defines it, polled."
    setattr(GangComm, _name, _call)
for _name in REQUESTS:
    _request = _started(getattr(MPI.Intracomm, _name))
    _request.__name__, _request.__doc__ = _name, getattr(MPI.Intracomm, _name).__doc__
    setattr(GangComm, _name, _request)
