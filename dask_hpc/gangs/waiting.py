"""A communicator whose waiting can be ended: what the calls with buffers and with objects are made of."""

from __future__ import annotations

from typing import Any, Self

from mpi4py import MPI

from dask_hpc.gangs.entry import Entry, Outcome, Steps
from dask_hpc.gangs.stop import Stop, wait_for

Status = Any
"""An `MPI.Status` that gets to know the message, or None."""


class Conduct:
    """What one gang has done with its communicators on this rank, as far as their end depends on it."""

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self.derived: list[MPI.Intracomm] = []
        self.kept: list[object] = []  # requests that never ended: MPI may still write into what they hold
        self.is_loose = False  # it sent messages or started requests of its own, so an abort leaves who knows what


class Waiting(MPI.Intracomm):
    """A communicator of one gang on one rank."""

    def __new__(cls, comm: MPI.Intracomm | None = None, conduct: Conduct | None = None) -> Self:
        made: Self = super().__new__(cls, comm)
        return made

    def __init__(self, comm: MPI.Intracomm, conduct: Conduct) -> None:
        self.conduct = conduct
        self.entered = 0  # collective calls so far
        self.entry: Entry | None = None  # the one under way

    @property
    def raw(self) -> MPI.Intracomm:
        """The same communicator with MPI's own blocking calls, which nothing can abort."""
        self.conduct.is_loose = True
        return MPI.Intracomm(self)

    def together(self, steps: Steps) -> Outcome:
        """Do one collective operation. Raises the reason where the gang has to stop."""
        self.conduct.stop.check()
        self.entered += 1
        self.entry = Entry(super().Ibarrier(), steps)
        result = self.entry.finish(self.conduct.stop)
        self.entry = None
        return result

    def complete(self, request: MPI.Request, *, busy: bool = False, status: MPI.Status | None = None) -> None:
        """Wait for one request, polled. Raises the reason where the gang has to stop."""
        try:
            wait_for(lambda: request.Test(status), self.conduct.stop, busy=busy)
        except BaseException:
            self.conduct.kept.append(request)
            raise

    def Mprobe(self, source: int = MPI.ANY_SOURCE, tag: int = MPI.ANY_TAG, status: Status = None) -> MPI.Message:
        """Wait for a message and take it."""
        self.conduct.is_loose = True
        found: list[MPI.Message] = []

        def is_here() -> bool:
            message = super(Waiting, self).Improbe(source, tag, status)
            if message is not None:
                found.append(message)
            return bool(found)

        wait_for(is_here, self.conduct.stop)
        return found[0]
