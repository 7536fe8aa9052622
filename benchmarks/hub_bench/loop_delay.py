"""How long a hub's event loop keeps others waiting: a sampler that its configuration file starts, and its reader."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

EVERY = 0.2
"""Seconds that each sample asks to sleep; what it sleeps longer is the delay. Looks seldom, to cost little itself."""

_tasks: set[asyncio.Task[None]] = set()


def watch(path: Path) -> None:
    """Sample the running loop until it ends; each line of `path` is a moment (monotonic) and a delay, in seconds."""
    _tasks.add(asyncio.get_running_loop().create_task(_sample(path), name="benchmark: event loop's delay"))


async def _sample(path: Path) -> None:
    with path.open("a", encoding="ascii") as file:
        while True:
            lines = []
            for _ in range(round(1 / EVERY)):
                began = time.monotonic()
                await asyncio.sleep(EVERY)
                now = time.monotonic()
                lines.append(f"{now:.4f} {max(now - began - EVERY, 0):.5f}\n")
            file.writelines(lines)
            file.flush()


def delays(path: Path, began: float, ended: float) -> list[float]:
    """The delays in milliseconds, in order of their size, of samples between two moments of time.monotonic()."""
    rows = (line.split() for line in path.read_text(encoding="ascii").splitlines() if line.count(" ") == 1)
    return sorted(float(delay) * 1000 for moment, delay in rows if began <= float(moment) <= ended)
