"""How often one person may ask."""

from __future__ import annotations

import time
from math import ceil
from typing import Any

from tornado.web import HTTPError


class Pace:
    """So many questions at once for each name, then one each `every` seconds (a token bucket kept as one time)."""

    def __init__(self, burst: int, every: float) -> None:
        self._burst = burst
        self._every = every
        self._paid_until: dict[str, float] = {}  # when the name's questions so far are paid off

    def take(self, name: str) -> None:
        """Count one question. Raises HTTPError 429, with Retry-After, where it comes too early."""
        now = time.monotonic()
        begin = max(self._paid_until.get(name, 0.0), now)
        # without adding and taking away the same time, which a float does not always undo
        if (early := begin - (self._burst - 1) * self._every - now) > 0:
            error: Any = HTTPError(429, f"you ask too often; wait {ceil(early)} s")
            error.headers = {"Retry-After": str(ceil(early))}
            raise error
        if len(self._paid_until) > 10_000:
            self._paid_until = {who: until for who, until in self._paid_until.items() if until > now}
        self._paid_until[name] = begin + self._every
