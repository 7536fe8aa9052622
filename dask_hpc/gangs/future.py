"""The results of a gang: one Dask future a rank, with one error for all where the gang failed."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from typing import Any, overload

from distributed import Client, Future, wait

from dask_hpc.errors import GangAborted, GangTimeout, RankLost
from dask_hpc.gangs.results import read

Answer = Any
"""The value, or an awaitable of it where the client is asynchronous."""

One = Future[Any]
"""The result of one rank."""


class MPIFuture(Sequence[One]):
    """What `run_mpi` returns. `future[0]` is rank 0's result as a Dask future, to be given to any other task."""

    def __init__(self, client: Client, futures: Sequence[One]) -> None:
        self.client = client
        self._futures = list(futures)
        self._early: list[bytes] | None = None  # all results, where they are small
        self._heard = asyncio.Event()
        self._is_cancelled = False

    def hear(self, results: list[bytes]) -> None:
        """All ranks have ended well, and this is what they returned."""
        if not self._is_cancelled:
            self._early = results
            self._heard.set()

    @overload
    def __getitem__(self, index: int) -> One: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[One]: ...
    def __getitem__(self, index: int | slice) -> One | Sequence[One]:
        """The future of one rank of the gang, or of several."""
        return self._futures[index]

    def __len__(self) -> int:
        """The number of ranks."""
        return len(self._futures)

    def __iter__(self) -> Iterator[One]:
        """The ranks' futures, in their order."""
        return iter(self._futures)

    def result(self, timeout: float | str | None = None) -> Answer:
        """All ranks' results, in their order; to be awaited where the client is asynchronous.

        Raises what the function raised on the rank that failed first, RankLost, GangTimeout, or TimeoutError after
        `timeout` seconds, which leaves the gang as it is.
        """
        return self.client.sync(self._result, callback_timeout=timeout)

    def exception(self, timeout: float | str | None = None) -> Answer:
        """What `result` would raise, or None."""
        return self.client.sync(self._exception, callback_timeout=timeout)

    def cancel(self) -> Answer:
        """End the gang on all its ranks; one that waits never begins."""
        self._is_cancelled, self._early = True, None
        return self.client.cancel(self._futures)

    def done(self) -> bool:
        """Whether every rank has come to an end, good or bad."""
        return self._early is not None or all(future.done() for future in self._futures)

    def __await__(self) -> Generator[Any, None, list[Any]]:
        """The results, for an asynchronous client."""
        return self._result().__await__()

    async def _come(self) -> None:
        """Wait for the results themselves, or else for every rank's end. Raises where the gang was cancelled."""
        ends, heard = asyncio.ensure_future(wait(self._futures)), asyncio.ensure_future(self._heard.wait())
        try:
            await asyncio.wait((ends, heard), return_when=asyncio.FIRST_COMPLETED)
            if ends.done():
                ends.result()
        finally:
            ends.cancel()
            heard.cancel()

    async def _exception(self) -> BaseException | None:
        await self._come()
        if self._early is not None:
            return None
        failed = [future for future in self._futures if future.status != "finished"]
        errors = [await future._exception() for future in failed]
        return min(errors, key=_weight, default=None)

    async def _result(self) -> list[Any]:
        error = await self._exception()
        if error is not None:
            raise error
        if self._early is not None:
            return read(self._early)
        found: list[Any] = await self.client.gather(self._futures, asynchronous=True)
        return found

    def __repr__(self) -> str:
        """The function's name and how far its ranks are."""
        early = {"finished"} if self._early is not None else None  # each future hears of it a moment later
        states = sorted(early or {str(future.status) for future in self._futures})
        name = str(self._futures[0].key).partition("-")[0]
        return f"<MPIFuture {name}: {len(self)} ranks, {' and '.join(states)}>"


def _weight(error: BaseException) -> int:
    """The cause weighs less than what it led to: a lost rank makes MPI calls fail, a failure stops other ranks."""
    if isinstance(error, RankLost | GangTimeout):
        return 0
    return 2 if isinstance(error, GangAborted) else 1
