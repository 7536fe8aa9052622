"""Processes that a block's agent started: their output, and their end."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from contextlib import suppress

import psutil

KILL_SECONDS = 5.0


def output(process: Process) -> asyncio.StreamReader:
    """The output of a process that was started with a pipe."""
    assert process.stdout is not None  # noqa: S101 - every process here is
    return process.stdout


async def end_process(process: Process, patience: float) -> None:
    """Give the process `patience` seconds to end, then terminate it, then kill it and what it started."""
    if process.stdin is not None:
        process.stdin.close()
    for seconds, act in ((patience, process.terminate), (KILL_SECONDS, lambda: _kill_all(process.pid))):
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            act()
    await process.wait()


def _kill_all(process: int) -> None:
    """A process that was stopped outlives whoever started it."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process)
        for one in [*parent.children(recursive=True), parent]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
