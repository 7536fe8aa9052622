"""How many ranks gangs could use: what adapting to the load asks of those that run, or wait for ranks."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """The work of one gang."""

    ranks: int
    seconds: float  # that each rank is expected to take


def ranks_wanted(loads: Collection[Load], target_duration: float) -> int:
    """So many ranks that all the work is done in `target_duration` seconds.

    Never fewer than the largest gang has, for it begins on all its ranks or not at all; never more than all gangs at
    once can use.
    """
    work = sum(load.ranks * load.seconds for load in loads)
    largest = max((load.ranks for load in loads), default=0)
    return min(sum(load.ranks for load in loads), max(largest, math.ceil(work / target_duration)))
