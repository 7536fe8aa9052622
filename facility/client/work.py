"""Verbs about what takes a while: operations, and waiting for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from facility.answers import Work
from facility.client.asking import Asking, listed, read_json
from facility.errors import Unreachable
from facility.exchange import IDEMPOTENCY_KEY, Question
from facility.wire import decode

AT_A_TIME = 8.0
"""Seconds of one waiting question: less than any patience, so that a slow one is not taken for a broken line."""


class WorkVerbs(Asking):
    """operations: how far something is that was asked for."""

    async def works(self) -> tuple[Work, ...]:
        """One's own, the newest first."""
        return listed(Work, await self._json("GET", "/operations"), "operations")

    async def work(self, work_id: str, wait: float = 0.0) -> Work:
        """One of one's own, once it has ended or after `wait` seconds (30 at most)."""
        query = {"wait": f"{wait:g}"} if wait else {}
        return decode(Work, await self._json("GET", f"/operations/{work_id}", query))

    async def cancel_work(self, work_id: str) -> Work:
        """End one of one's own; one that has ended stays as it is."""
        return decode(Work, await self._json("DELETE", f"/operations/{work_id}"))

    async def wait_work(self, work: Work, seconds: float, heard: Callable[[Work], None] = lambda work: None) -> Work:
        """The work once it has ended; `heard` is told each time it was looked at.

        Raises Unreachable when it has not ended within `seconds`: it goes on, and can be asked for by its id.
        """
        end = time.monotonic() + seconds
        while not work.is_final:
            left = end - time.monotonic()
            if left <= 0:
                raise Unreachable(f"{work.kind} {work.id} has not ended within {seconds:g} s; it goes on")
            work = await self.work(work.id, min(left, AT_A_TIME, self._exchange.patience.answer / 2))
            heard(work)
        return work

    async def _start(self, path: str, body: object, key: str = "") -> object:
        """Ask for work. It carries a key, so that asking again on a line that breaks asks for the same work."""
        headers = {IDEMPOTENCY_KEY: key or str(uuid4())}
        return read_json(await self._ask(Question("POST", path, body=body, headers=headers)))
