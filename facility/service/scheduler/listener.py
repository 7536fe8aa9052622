"""One listener of an event stream: what waits for it, within bounds."""

from __future__ import annotations

import asyncio
from collections import deque

from facility.sse import HEARTBEAT

LONGEST_QUEUE = 1000
"""Events that wait for one listener; one more and the listener is told to start anew."""

LARGEST_PIECE = 64 * 1024
"""Bytes, about, that are handed on at once."""


class Listener:
    """Its events are shared with the other listeners: what waits costs a reference each."""

    __slots__ = ("_ended", "_events", "_fell_behind", "_waiter", "is_whole", "topics", "user")

    def __init__(self, user: str, topics: frozenset[str], *, is_whole: bool) -> None:
        self.user = user
        self.topics = topics
        self.is_whole = is_whole  # hears more than jobs, and its events' ids tell both places
        self._events: deque[bytes] = deque()
        self._fell_behind = False
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, event: bytes) -> None:
        """Let it have this too."""
        if len(self._events) >= LONGEST_QUEUE:
            self.fall_behind()
        elif not self._fell_behind:  # else a snapshot will follow and hold what is left out
            self._events.append(event)
            self._wake()

    def keep_alive(self) -> None:
        """Let it have a comment if nothing waits."""
        if not self._events:
            self.put(HEARTBEAT)

    def fall_behind(self) -> None:
        """Let it start anew instead of what waits."""
        self._events.clear()
        self._fell_behind = True
        self._wake()

    def end(self) -> None:
        """Let it have nothing more."""
        self._events.clear()
        self._ended = True
        self._wake()

    async def next(self) -> bytes | None:
        """What waits, as one piece; empty: it has to start anew; None: it ended."""
        while not (self._events or self._fell_behind or self._ended):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._ended:
            return None
        if self._fell_behind:
            self._fell_behind = False
            return b""
        piece = self._events.popleft()
        if self._events:
            pieces, size = [piece], len(piece)
            while self._events and size < LARGEST_PIECE:
                pieces.append(self._events.popleft())
                size += len(pieces[-1])
            piece = b"".join(pieces)
        return piece

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
