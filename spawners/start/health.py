"""A server that died while its job lives: noticed by asking the node, ended so that it holds no nodes for nothing."""

from __future__ import annotations

import time

from spawners.start.reach import Reach, reach

LOOK_EVERY = 5.0
"""Seconds between two looks at one server, at least."""

REFUSALS, REFUSED_FOR = 3, 20.0
"""A server is dead when its node refused so many looks in a row, over so many seconds; a restart takes less."""


class Health:
    """Judges one server at one address. Costs the scheduler nothing.

    begin_within : seconds that a server may take from its claim until it listens; only one that was never seen yet.
    """

    def __init__(self, host: str, port: int, begin_within: float) -> None:
        self.host, self.port = host, port
        self._patience = begin_within
        self._looked = float("-inf")
        self._refusals = 0
        self._since = 0.0  # when the first of them was

    @property
    def is_doubtful(self) -> bool:
        """Whether its node refused the last look."""
        return self._refusals > 0

    async def is_dead(self) -> bool:
        """Look, if it is time, and judge. A node that does not answer, or has no address, proves nothing."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY:
            return False
        self._looked = now
        if (found := await reach(self.host, self.port)) is not Reach.REFUSED:
            self._refusals = 0
            self._patience = REFUSED_FOR if found is Reach.LISTENS else self._patience
            return False
        self._since = self._since if self._refusals else now
        self._refusals += 1
        return self._refusals >= REFUSALS and time.monotonic() - self._since >= self._patience
