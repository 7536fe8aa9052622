"""What was found out a short while ago, so that not every request asks again."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from facility.service.caller import Caller
from facility.service.clock import Clock

K = TypeVar("K")
V = TypeVar("V")

FRESH = 30.0
"""Seconds that an answer counts; with the time of one question, a revocation works everywhere within 60."""

MOST = 20_000


class Fresh(Generic[K, V]):
    """Answers that are younger than 30 seconds, by what was asked; where there are too many the oldest go."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._found: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The answer; None where there is none, or an old one."""
        at, found = self._found.get(key, (float("-inf"), None))
        return found if self._monotonic() - at < FRESH else None

    def put(self, key: K, found: V) -> V:
        """Remember an answer."""
        self._found[key] = (self._monotonic(), found)
        self._found.move_to_end(key)
        if len(self._found) > MOST:
            self._found.popitem(last=False)
        return found

    def clear(self) -> None:
        """Find everything out anew."""
        self._found.clear()


class Remembered:
    """Callers by the digest of their tokens; the tokens themselves are in the callers only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._found = Fresh[bytes, Caller](clock.monotonic)

    def get(self, token: str) -> Caller | None:
        """The caller, where that was found out less than 30 seconds ago and the token has not ended since."""
        caller = self._found.get(_digest(token))
        return caller if caller and caller.expires > self._clock.now() else None

    def put(self, caller: Caller) -> Caller:
        """Remember a caller by its token."""
        return self._found.put(_digest(caller.token), caller)

    def clear(self) -> None:
        """Find everything out anew."""
        self._found.clear()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
