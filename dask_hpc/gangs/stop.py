"""The flag that ends a gang on one rank, and the polling that looks at it."""

from __future__ import annotations

import time
from collections.abc import Callable

_LONGEST_PAUSE = 0.002
_SHARE = 10  # a wait sleeps at most this part of the time that it has taken so far


class Stop:
    """Why this rank must leave its gang, once it must. Set by the event loop, read by the MPI thread."""

    def __init__(self) -> None:
        self._set: tuple[float, Exception] | None = None  # one assignment, so that a reader sees both or none

    def set(self, error: Exception) -> None:
        """Stop the gang on this rank; the first reason stays."""
        if self._set is None:
            self._set = (time.monotonic(), error)

    def check(self, grace: float = 0.0) -> None:
        """Raise the reason where there has been one for `grace` seconds."""
        if self._set is not None and time.monotonic() - self._set[0] >= grace:
            raise type(self._set[1])(*self._set[1].args)  # a new one each time: tracebacks grow


def wait_for(
    is_done: Callable[[], bool], stop: Stop, *, grace: float = 0.0, busy: bool = False, timeout: float | None = None
) -> None:
    """Poll until `is_done`, which must make progress and release the GIL, as MPI's Test does.

    A wait for other ranks sleeps a tenth of the time it has taken, so that it adds little to a short wait and takes
    little of the core in a long one; `busy` never sleeps, for data on their way.

    Raises
    ------
    The stop's reason once it has stood for `grace` seconds; TimeoutError after `timeout` seconds.
    """
    began = time.perf_counter()
    while not is_done():
        stop.check(grace)
        waited = time.perf_counter() - began
        if timeout is not None and waited > timeout:
            raise TimeoutError
        time.sleep(0 if busy else min(_LONGEST_PAUSE, waited / _SHARE))
