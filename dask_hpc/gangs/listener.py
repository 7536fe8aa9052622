"""What one client hears about gangs: how many ranks a block has, and the small results of its own gangs."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary, WeakValueDictionary

from distributed import Client

from dask_hpc.gangs.future import MPIFuture
from dask_hpc.gangs.plans import RANKS
from dask_hpc.gangs.queue import Ask, ask_of
from dask_hpc.gangs.results import RESULTS

_LISTENERS: WeakKeyDictionary[Client, Listener] = WeakKeyDictionary()


class Listener:
    """One client's ears. Lives in its event loop."""

    def __init__(self, client: Client) -> None:
        self._full = 0
        self._line: object = None  # to the scheduler; a new one was told nothing
        self._futures: WeakValueDictionary[str, MPIFuture] = WeakValueDictionary()
        client._stream_handlers |= {RANKS: self._hear_ranks, RESULTS: self._hear_results}  # Dask names no public way

    @classmethod
    def of(cls, client: Client) -> Listener:
        """The ears of a client, which it gets with its first gang."""
        if client not in _LISTENERS:
            _LISTENERS[client] = cls(client)
        return _LISTENERS[client]

    def foreseen(self, client: Client, ranks: Sequence[int] | int | None) -> Ask | None:
        """The ranks of a gang; None where the scheduler has to be asked."""
        if self._line is not client.scheduler_comm:
            self._line, self._full = client.scheduler_comm, 0
        ask = ask_of(ranks, self._full)
        return ask if self._full and ask.taken_from(range(self._full)) is not None else None

    def expect(self, gang: str, future: MPIFuture) -> None:
        """Hand the results of this gang to its future when they come."""
        self._futures[gang] = future

    def _hear_ranks(self, full: int) -> None:
        self._full = full

    def _hear_results(self, gang: str, results: list[bytes]) -> None:
        future = self._futures.pop(gang, None)
        if future is not None:
            future.hear(results)
