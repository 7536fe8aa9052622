"""How many ranks a gang has: clients ask once, and hear of it when it changes, so that a gang need not ask first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from distributed import Scheduler
from distributed.comm.core import CommClosedError

from dask_hpc.errors import GangTimeout, NotEnoughRanks
from dask_hpc.gangs.gang import Block, Mender
from dask_hpc.gangs.queue import Ask, World, ask_of

RANKS = "gang-ranks"
"""The message that tells a client how many ranks a whole block has, and 0 while none is whole."""
_TELL_SECONDS = 0.05  # what changes together is told together


class Plans:
    """What the scheduler answers and tells about the ranks that gangs can have."""

    def __init__(self, scheduler: Scheduler, blocks: Mapping[World, Block]) -> None:
        self._scheduler, self._blocks = scheduler, blocks
        self.mender: Mender | None = None
        self.clients: set[str] = set()  # that hear of ranks and results
        self._changed = asyncio.Event()
        self._telling: asyncio.TimerHandle | None = None
        scheduler.handlers["gang_plan"] = self.plan

    async def plan(self, ranks: Sequence[int] | int | None, timeout: float | None, client: str) -> dict[str, object]:
        """What a client asks before its first gang, and where it was not told: how many ranks the gang has.

        Waits where no rank has come yet. Raises NotEnoughRanks where no block has them or will have; GangTimeout.
        """
        self.clients.add(client)
        self._tell(client)
        try:
            async with asyncio.timeout(timeout):
                while not self._blocks and not self._is_promised(ask_of(ranks, self._most)):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise GangTimeout(f"the gang's time is over: no rank came within {timeout:g} seconds") from None
        ask = ask_of(ranks, self._most)
        self.check(ask)
        return {"size": ask.size, "ranks": ask.ranks, "block": ask.block}

    def check(self, ask: Ask) -> None:
        """Raise NotEnoughRanks where no block has the ranks, and none will have them."""
        there = [block for block in self._blocks.values() if not block.is_closed]
        if not any(ask.suits(block.number, block.ranks) for block in there) and not self._is_promised(ask):
            wanted = f"ranks {', '.join(map(str, ask.ranks))}" if ask.ranks else f"{ask.size} ranks"
            words = "; ".join(map(str, there)) or "there is no block any more"
            raise NotEnoughRanks(f"no block has {wanted}: {words}")

    def changed(self) -> None:
        """Ranks have come or gone."""
        self._changed.set()
        if self._telling is None and self.clients:
            self._telling = asyncio.get_running_loop().call_later(_TELL_SECONDS, self._tell_all)

    def forget(self, client: str) -> None:
        """A client has gone."""
        self.clients.discard(client)

    @property
    def _most(self) -> int:
        """The ranks of a gang that wants all: those of a whole block where there is one or will be."""
        full = self._full
        if full and (self._is_whole or self._is_promised(Ask("", full))):
            return full
        return max((len(block.ranks) for block in self._blocks.values() if not block.is_closed), default=full)

    @property
    def _full(self) -> int:
        return self.mender.full if self.mender else max((block.size for block in self._blocks.values()), default=0)

    @property
    def _is_whole(self) -> bool:
        return any(len(block.ranks) == self._full and not block.is_closed for block in self._blocks.values())

    def _is_promised(self, ask: Ask) -> bool:
        return self.mender is not None and self.mender.promises(ask)

    def _tell_all(self) -> None:
        self._telling = None
        for client in self.clients:
            self._tell(client)

    def _tell(self, client: str) -> None:
        self.send(client, op=RANKS, full=self._full if self._is_whole else 0)

    def send(self, client: str, **message: object) -> None:
        """Tell a client; one that has gone does not hear it."""
        stream = self._scheduler.client_comms.get(client)
        try:
            if stream is not None:
                stream.send(message)
        except CommClosedError:
            self.forget(client)
