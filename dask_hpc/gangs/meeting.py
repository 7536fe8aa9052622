"""How the members of a gang agree, over the block's own communicator, before theirs exists and when it is in doubt.

Each tells one number pair to the first, which answers all with one; a member that does not come within the time
leaves the others with a TimeoutError, and with nothing under way but messages that no later meeting can mistake for
its own, because every gang has tags of its own.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mpi4py import MPI

from dask_hpc.gangs.stop import Stop, wait_for

Word = tuple[int, int]
_TAKE_SECONDS = 5.0
_TAGS = 4  # two meetings a gang, two messages a meeting


def highest_tag(comm: MPI.Intracomm) -> int:
    """The greatest tag that a message may have (MPI 4.1, section 9.1.2)."""
    return int(comm.Get_attr(MPI.TAG_UB) or 32767)


@dataclass(frozen=True)
class Meeting:
    """The members of one gang, by their ranks in the block's communicator."""

    control: MPI.Intracomm
    ranks: Sequence[int]
    number: int  # of the gang in its block

    def begin(self, stop: Stop) -> None:
        """Wait until all members are here. Raises the stop's reason."""
        self._agree(0, (0, 0), lambda words: words[0], stop, None)

    def judge(self, word: Word, judge: Callable[[Sequence[Word]], Word], timeout: float) -> Word:
        """What the first member makes of all members' words. Raises TimeoutError where one of them does not come."""
        return self._agree(2, word, judge, Stop(), timeout)

    def _agree(
        self, phase: int, word: Word, judge: Callable[[Sequence[Word]], Word], stop: Stop, timeout: float | None
    ) -> Word:
        first, others = self.ranks[0], self.ranks[1:]
        tag = self.number % (highest_tag(self.control) // _TAGS) * _TAGS + phase
        if self.control.rank != first:
            self._tell(first, tag, word)
            return self._hear(first, tag + 1, stop, timeout)
        verdict = judge([word, *(self._hear(rank, tag, stop, timeout) for rank in others)])
        for rank in others:
            self._tell(rank, tag + 1, verdict)
        return verdict

    def _tell(self, rank: int, tag: int, word: Word) -> None:
        request = self.control.Isend(array("q", word), rank, tag)  # so short that MPI takes it whoever listens
        wait_for(request.Test, Stop(), timeout=_TAKE_SECONDS)

    def _hear(self, rank: int, tag: int, stop: Stop, timeout: float | None) -> Word:
        found: list[MPI.Message] = []

        def is_here() -> bool:
            message = self.control.Improbe(rank, tag)
            if message is not None:
                found.append(message)
            return bool(found)

        wait_for(is_here, stop, timeout=timeout)
        heard = array("q", (0, 0))
        found[0].Recv(heard)
        return heard[0], heard[1]
