"""The process whose place a rank takes: one that is stuck still has its memory and its core, and must go."""

from __future__ import annotations

import os
from contextlib import suppress

import psutil

_RANKS = {"dask_hpc.block.rank", "dask_hpc.block.node"}


def end_predecessor(process: int, job: str) -> None:
    """Kill this user's rank of that number and job on this node; one that has gone already is no error."""
    with suppress(psutil.Error):
        found = psutil.Process(process)
        words = found.cmdline()
        if found.uids().real == os.getuid() and not _RANKS.isdisjoint(words) and job in words:
            found.kill()
