"""Memory that was freed stays with a worker for its next pattern.

By default, and more so with the MALLOC_TRIM_THRESHOLD_ that Dask's nanny sets, glibc gives every freed array back to
the kernel, which hands it out again page by page, zeroed: up to half of the time of working array by array.
"""

from __future__ import annotations

import ctypes
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h; mallopt(3)
KEPT_BYTES = 64 << 20
"""Freed memory that a thread's heap keeps at most."""
LARGEST_BYTES = 32 << 20
"""Arrays from this size on are always given back: the most that glibc takes, mallopt(3)."""


@cache
def keep_freed_memory() -> bool:
    """Tell glibc so, once a process; False where another C library runs, which has its own ways."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(
        [mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES), mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)]
    )
