"""The end of a gang's communicator on one rank: freed where all ranks are quit of it, kept for good where not.

A communicator whose operations are still under way somewhere must not be freed: MPI would use its id again, and what
is left of the old gang would reach the new one. So a gang that was aborted first brings its last collective call to
an end that all its ranks agree on. Where a rank is lost, or does not come, the communicator is kept.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from mpi4py import MPI

from dask_hpc.gangs.comm import GangComm
from dask_hpc.gangs.entry import Entry, nothing
from dask_hpc.gangs.meeting import Meeting, Word
from dask_hpc.gangs.stop import Stop

_SETTLE_SECONDS = 1.5
_GIVEN_UP: Word = (-1, 0)


def end_together(comm: GangComm) -> bool:
    """Free the communicator of a gang whose function has returned on this rank, once it has on all.

    Returns whether it was freed; not where a message was never received. Raises the reason where the gang has to stop.
    """
    comm.together(nothing())
    if MPI.Intracomm.Iprobe(comm, MPI.ANY_SOURCE, MPI.ANY_TAG):
        return False
    _free(comm)
    return True


def end_aborted(comm: GangComm, meeting: Meeting) -> bool:
    """Bring an aborted gang's collective calls to an end that all ranks agree on, and free its communicator.

    Returns whether it was freed.
    """
    conduct = comm.conduct
    is_clear = not (conduct.is_loose or conduct.derived or conduct.kept)
    with contextlib.suppress(TimeoutError, MPI.Exception):
        passed = comm.entry is None or comm.entry.passed
        target, some_passed = meeting.judge((comm.entered if is_clear else -1, int(passed)), _judge, _SETTLE_SECONDS)
        if target < 0:
            return False
        _catch_up(comm, target, bool(some_passed))
        _meet(comm)
        _free(comm)
        return True
    return False


def _judge(words: Sequence[Word]) -> Word:
    """The last call that any rank made, and whether it went past its barrier, which it did if any rank saw that."""
    target = max(entered for entered, _ in words)
    if min(entered for entered, _ in words) < max(target - 1, 0):
        return _GIVEN_UP
    return target, int(any(passed for entered, passed in words if entered == target))


def _catch_up(comm: GangComm, target: int, passed: bool) -> None:
    if comm.entry is not None and (comm.entry.passed or comm.entered < target or passed):
        comm.entry.finish(Stop(), _SETTLE_SECONDS)
    elif comm.entry is not None:
        comm.entry.pass_guard(Stop(), _SETTLE_SECONDS)
    if comm.entered < target:
        _meet(comm)


def _meet(comm: GangComm) -> None:
    """One barrier, as every collective call begins with one."""
    Entry(MPI.Intracomm.Ibarrier(comm), nothing()).finish(Stop(), _SETTLE_SECONDS)


def _free(comm: GangComm) -> None:
    for derived in comm.conduct.derived:
        MPI.Intracomm.Free(derived)
    comm.conduct.derived.clear()
    MPI.Intracomm.Free(comm)
