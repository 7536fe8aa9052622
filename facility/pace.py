"""How soon a scheduler is asked again in the background: seldom where it is slow, more seldom the longer it fails."""

from __future__ import annotations

import random

SHARE = 10
"""A question that took t seconds is followed by a pause of SHARE x t at least."""

LONGEST_PAUSE = 120.0

FAILURE_SHARE = 0.1
"""Of the time that the scheduler has not answered, until the next attempt: soon enough, and missed by doubling."""


def pause_after(period: float, *, took: float, spent: float = 0.0) -> float:
    """Seconds to rest after an answer that took so long; `spent` of the period is over already."""
    return min(max(period - spent, took * SHARE), LONGEST_PAUSE)


def pause_failing(period: float, failing: float) -> float:
    """Seconds until the next attempt at a scheduler that has failed for so long; spread, so that many do not meet."""
    pause = min(max(period, failing * FAILURE_SHARE), LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.0)  # noqa: S311 - spreads those that ask, guards nothing
