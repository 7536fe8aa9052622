"""Small results, which travel with the news that a rank is done: two hops fewer than fetching them.

They stay Dask's data beside that; a future of one is like any other.
"""

from __future__ import annotations

import pickle
from typing import Any

from dask.sizeof import sizeof

RESULTS = "gang-results"
"""The message that brings a client the results of a gang, in the order of its ranks."""
_MOST = 2**18  # bytes, of all ranks together
_LATER = b"__main__"  # what is defined in a notebook is pickled in a way of Dask's own


class _TooLong(Exception):
    """There is more to write than may be."""


class _Short:
    """What is written, as long as it is little."""

    def __init__(self, most: int) -> None:
        self.data = bytearray()
        self._most = most

    def write(self, piece: bytes) -> None:
        """Take in a piece. Raises _TooLong."""
        if len(self.data) + memoryview(piece).nbytes > self._most:
            raise _TooLong
        self.data += piece


def small(result: Any, ranks: int) -> bytes | None:  # noqa: ANN401 - what a user's function returned
    """The result of one of so many ranks as bytes; None where it is large, or is not simply pickled."""
    short = _Short(_MOST // ranks)
    try:
        if sizeof(result) > _MOST // ranks:
            return None
        pickle.dump(result, short, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - whatever a type of the user's raises, Dask may know another way for it
        return None
    return None if _LATER in short.data else bytes(short.data)


def read(results: list[bytes]) -> list[Any]:
    """All ranks' results."""
    return [pickle.loads(one) for one in results]  # noqa: S301 - from the user's own cluster, as all of Dask's data
