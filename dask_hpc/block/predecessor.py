"""The process whose place a rank takes: one that is stuck still has its memory and its core, and must go."""

from __future__ import annotations

import os
from contextlib import suppress

import psutil

_RANK = "dask_hpc.block.rank"


def end_predecessor(process: int, job: str) -> None:
    """Kill this user's rank of that number and job on this node; one that has gone already is no error."""
    with suppress(psutil.Error):
        found = psutil.Process(process)
        words = found.cmdline()
        if found.uids().real == os.getuid() and _RANK in words and job in words:
            found.kill()
