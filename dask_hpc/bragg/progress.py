"""How far a run is, for a person or a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """What is known after a tile has come in."""

    patterns: int
    total: int
    disks: int
    seconds: float

    @property
    def rate(self) -> float:
        """Patterns per second so far."""
        return self.patterns / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        percent = 100 * self.patterns // self.total
        return f"{self.patterns} of {self.total} patterns ({percent} %), {self.disks} disks, {self.rate:.0f} patterns/s"


Listener = Callable[[Progress], None]


class Reporter:
    """Counts tiles and tells one listener."""

    def __init__(self, total: int, listener: Listener) -> None:
        self._total = total
        self._listener = listener
        self._patterns = self._disks = 0
        self._begin = time.monotonic()

    def add(self, patterns: int, disks: int) -> None:
        """A tile is done."""
        self._patterns += patterns
        self._disks += disks
        self._listener(Progress(self._patterns, self._total, self._disks, time.monotonic() - self._begin))


def listener(verbose: bool | Listener) -> Listener:
    """Who hears of progress: nobody, a terminal (True: a line for each tenth), or the function given."""
    if callable(verbose):
        return verbose
    return _line_for_each_tenth() if verbose else _nobody


def _nobody(_: Progress) -> None:
    """Keep progress to oneself."""


def _line_for_each_tenth() -> Listener:
    said = -1

    def say(progress: Progress) -> None:
        nonlocal said
        tenth = 10 * progress.patterns // progress.total
        if tenth > said:
            said = tenth
            sys.stdout.write(f"Bragg disks: {progress}\n")
            sys.stdout.flush()

    return say
