"""How long a run will still take, as its arrivals tell: a mean and an interval, never a single number that lies."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

LATEST = 64
"""Arrivals that count: a cluster that has grown or shrunk is judged by how it is now."""
_LEAST = 4  # gaps between arrivals from which a spread can be told
_Z = 1.645  # two-sided 90 % of a normal distribution


@dataclass(frozen=True)
class Left:
    """Seconds until the end, from now: the expected ones, and bounds that hold nine times of ten."""

    seconds: float
    soonest: float
    latest: float

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s left ({self.soonest:.0f} to {self.latest:.0f})"


def left(arrivals: Sequence[float], now: float, tiles: int) -> Left | None:
    """The time that so many more `tiles` take, after `arrivals` (seconds, ascending); None where nothing can be told.

    The gaps between the latest arrivals are taken as independent draws, so k of them take k times their mean, with a
    variance of k (1 + k / n) times theirs: that of the draws, and that of a mean known from n of them only (Fisher's
    prediction interval). A silence that is longer than the mean counts as one more gap, so that the expectation grows
    while nothing arrives.
    """
    if tiles == 0:
        return Left(0.0, 0.0, 0.0)
    latest = arrivals[-LATEST - 1 :]
    gaps = [after - before for before, after in itertools.pairwise(latest)]
    if len(gaps) < _LEAST:
        return None
    silence = now - latest[-1]
    if silence > sum(gaps) / len(gaps):
        gaps.append(silence)
        silence = 0.0
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
    expected = tiles * mean - silence
    spread = _Z * math.sqrt(variance * tiles * (1 + tiles / len(gaps)))
    return Left(expected, max(expected - spread, 0.0), expected + spread)
