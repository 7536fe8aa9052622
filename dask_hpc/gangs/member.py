"""A rank's part in gangs: it is told by the scheduler which gang begins and which must end, and runs the function.

The function runs in the one thread that this rank has for MPI, the messages arrive in the worker's event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from distributed import Worker, get_worker

from dask_hpc.errors import GangAborted, GangError, GangTimeout, NotEnoughRanks, RankLost
from dask_hpc.gangs.hurry import hurry
from dask_hpc.gangs.results import small
from dask_hpc.gangs.stop import Stop

EXECUTOR = "mpi"
"""The name of the worker's executor with one thread, in which gangs run."""
EXTENSION = "gangs"
KINDS: dict[str, type[GangError]] = {
    "aborted": GangAborted,
    "timeout": GangTimeout,
    "lost": RankLost,
    "ranks": NotEnoughRanks,
}
"""The errors that the scheduler can tell a rank to end with."""


Outcome = Any
"""What a gang's function takes and returns."""
Function = Callable[..., Outcome]
Report = Callable[[BaseException], None]
_TOO_LATE = "this rank is not in the gang any more: it was ended, or a result of it was lost; call run_mpi again"
_WORDS = 500  # of an exception that other ranks are told


@dataclass
class Part:
    """This rank's part in one gang."""

    gang: str
    ranks: tuple[int, ...]  # of the block's world, in the order of the gang's communicator
    addresses: tuple[str, ...]  # of their workers
    number: int
    index: int  # this rank in the gang
    stop: Stop = field(default_factory=Stop)
    runs: bool = False
    kept: int = 0  # communicators that MPI does not have back from it


class Stage(Protocol):
    """What gives a gang's function its communicator: MPI, or a stand-in where there is none."""

    def attach(self, worker: Worker) -> None:
        """Meet the worker that this stage is for, before it joins."""
        ...

    def run(self, part: Part, function: Function, arguments: tuple[Outcome, ...], failed: Report) -> Outcome:
        """What the function returns; `failed` is called as soon as it raises, before the error goes on."""
        ...


class GangMember:
    """The worker's extension that takes part in gangs."""

    def __init__(self, worker: Worker, stages: Mapping[str, Stage]) -> None:
        self._worker, self._stages = worker, stages
        self._parts: dict[str, Part] = {}
        self._lock = threading.Lock()
        for stage in stages.values():
            stage.attach(worker)
        worker.stream_handlers["gang-start"] = self.start
        worker.stream_handlers["gang-stop"] = self.stop

    def start(self, gang: str, ranks: Sequence[int], addresses: Sequence[str], number: int, index: int) -> None:
        """The scheduler has granted the gang; its task follows."""
        self._parts[gang] = Part(gang, tuple(ranks), tuple(addresses), number, index)

    def stop(self, gang: str, kind: str, reason: str) -> None:
        """End the gang here. One that has not begun never will."""
        with self._lock:
            part = self._parts.get(gang)
            if part is None:
                return  # it has left already, and said so
            part.stop.set(KINDS[kind](reason))
            if part.runs:
                return
            del self._parts[gang]
        self._leave(part)

    def take_part(self, gang: str, isolation: str, function: Function, arguments: tuple[Outcome, ...]) -> Outcome:
        """Run the function as this rank of the gang. Called in the MPI thread."""
        with self._lock:
            part = self._parts.get(gang)
            if part is None:
                raise GangAborted(_TOO_LATE)
            part.runs = True
        result = None
        try:
            outcome = self._stages[isolation].run(part, function, arguments, lambda error: self._fail(gang, error))
            result = small(outcome, len(part.ranks))
            return outcome
        except SystemExit as error:  # it would end the worker
            raise GangError(f"the function called sys.exit({error.code!r})") from error
        finally:
            with self._lock:
                del self._parts[gang]
            self._worker.loop.add_callback(self._leave, part, result)

    def _fail(self, gang: str, error: BaseException) -> None:
        """Tell the scheduler at once that the function has failed here, before this rank puts its affairs in order."""
        words = f"{type(error).__name__}: {error}"
        self._worker.loop.add_callback(self._tell, op="gang-failed", gang=gang, reason=words[:_WORDS])

    def _leave(self, part: Part, result: bytes | None = None) -> None:
        self._tell(op="gang-left", gang=part.gang, index=part.index, kept=part.kept, result=result)

    def _tell(self, **message: object) -> None:
        self._worker.batched_stream.send(message)
        hurry(self._worker.batched_stream)


def take_part(
    _index: int, *given: Outcome, gang: str, isolation: str, function: Function, arguments: tuple[Outcome, ...]
) -> Outcome:
    """The Dask task of one rank of a gang; `given` is this rank's own input, where there is one."""
    member: GangMember = get_worker().extensions[EXTENSION]
    return member.take_part(gang, isolation, function, tuple(map(_fit_for_mpi, (*given, *arguments))))


def _fit_for_mpi(thing: Outcome) -> Outcome:
    """The thing itself; a copy of an array that lies across its elements' bounds, as one from the network may.

    NumPy tells of such an array by another type code ("=d"), which mpi4py knows no MPI type for.
    """
    flags = getattr(thing, "flags", None)
    return thing.copy() if getattr(flags, "aligned", True) is False else thing
