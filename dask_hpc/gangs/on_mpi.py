"""Gangs on MPI: a fresh communicator of the block's world for each."""

from __future__ import annotations

from collections.abc import Sequence

from distributed import Worker
from mpi4py import MPI

from dask_hpc.errors import GangAborted, GangError
from dask_hpc.gangs.comm import GangComm
from dask_hpc.gangs.ending import end_aborted, end_together
from dask_hpc.gangs.meeting import Meeting, highest_tag
from dask_hpc.gangs.member import Function, Outcome, Part, Report
from dask_hpc.gangs.stop import wait_for
from dask_hpc.gangs.waiting import Conduct

OUT_OF_IDS = 2**31
"""What a rank counts as kept where MPI makes no further communicator."""
_GRACE = 1.0  # seconds that making a communicator may go on after a stop: all ranks have met, so it is about to end


class MpiStage:
    """One rank's place in its block's MPI world. Made by all ranks at once, before their event loops begin."""

    def __init__(self) -> None:
        self._control = MPI.COMM_WORLD.Dup()  # of our own, so that nothing a task does with COMM_WORLD can meet it
        self._kept: list[object] = []

    def attach(self, worker: Worker) -> None:
        """See `Stage.attach`; MPI needs nothing of it."""

    def run(self, part: Part, function: Function, arguments: tuple[Outcome, ...], failed: Report) -> Outcome:
        """See `Stage.run`. All members meet right before they make the communicator, which then ends at once."""
        ranks = part.ranks if self._control.size > 1 else (0,)  # a rank that was replaced keeps its number
        meeting = Meeting(self._control, ranks, part.number)
        meeting.begin(part.stop)
        comm = GangComm(self._fresh(part, ranks), Conduct(part.stop))
        is_freed = False
        try:
            result = function(comm, *arguments)
            is_freed = end_together(comm)
        except BaseException as error:
            failed(error)
            part.stop.set(GangAborted("this rank has failed"))
            is_freed = end_aborted(comm, meeting)
            raise
        finally:
            if not is_freed:
                part.kept = 1 + len(comm.conduct.derived)
                self._kept.append(comm)
        return result

    def _fresh(self, part: Part, ranks: Sequence[int]) -> MPI.Intracomm:
        try:
            if tuple(ranks) == tuple(range(self._control.size)):
                return self._copy(part)
            group = self._control.group.Incl(ranks)
            comm = self._control.Create_group(group, part.number % highest_tag(self._control))
            group.Free()
        except MPI.Exception as error:
            part.kept = OUT_OF_IDS
            raise GangError(
                f"MPI made no communicator for the gang ({error}); its ranks come back as a new MPI world that has all "
                "of them: call run_mpi again, and free what the function makes through comm.raw"
            ) from error
        return comm

    def _copy(self, part: Part) -> MPI.Intracomm:
        """A communicator of all ranks; polled, where MPI's other calls would hold a core each."""
        comm, request = self._control.Idup()
        try:
            wait_for(request.Test, part.stop, grace=_GRACE)
        except BaseException:
            part.kept = 1
            self._kept += [comm, request]
            raise
        return comm
