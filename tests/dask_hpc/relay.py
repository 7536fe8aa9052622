"""The network between a kernel and its scheduler, as one that can be cut: a relay of TCP in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from facility.testing import Fault, FaultProxy


class Relay:
    """Forwards to `port` of this machine until it is cut; what was under way then is lost, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._proxy = FaultProxy(port)
        self._loop = asyncio.new_event_loop()
        self._end: asyncio.Event
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    @property
    def address(self) -> str:
        """Where a kernel finds the scheduler behind this."""
        return f"tls://127.0.0.1:{self._proxy.port}"

    def cut(self) -> None:
        """From now on nothing passes."""
        self._do(lambda: (setattr(self._proxy, "fault", Fault.DOWN), self._proxy.cut()))

    def heal(self) -> None:
        """New connections pass again."""
        self._do(lambda: setattr(self._proxy, "fault", Fault.NONE))

    def __enter__(self) -> Self:
        """The relay, once it listens."""
        self._thread.start()
        self._is_up.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self._do(self._end.set)
        self._thread.join()
        self._loop.close()

    def _do(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        async with self._proxy.serving():
            self._is_up.set()
            await self._end.wait()
