"""The time that is left is told with bounds that hold as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from dask_hpc.bragg.runs.pace import Left, left


@pytest.mark.parametrize("known", [8, 30, 200])
@pytest.mark.parametrize("to_come", [3, 50, 400])
def test_nine_of_ten_runs_end_within_their_bounds(known, to_come) -> None:
    """Tiles whose times scatter by half: the true end lies inside in 82 to 97 of a hundred runs."""
    chance = np.random.default_rng(known * to_come)
    inside = 0
    for _ in range(500):
        arrivals = np.cumsum(chance.gamma(4, 0.25, known + to_come))
        told = left(list(arrivals[:known]), arrivals[known - 1], to_come)
        inside += told.soonest <= arrivals[-1] - arrivals[known - 1] <= told.latest

    assert 0.82 <= inside / 500 <= 0.97


def test_nothing_is_told_before_anything_is_known() -> None:
    """Four gaps between arrivals are the least; a run without tiles to come ends now."""
    assert left([], 9.0, 5) is None
    assert left([1.0, 2.0, 3.0, 4.0], 4.0, 5) is None
    assert left([1.0, 2.0, 3.0, 4.0, 5.0], 5.0, 5) == Left(5.0, 5.0, 5.0)
    assert left([], 9.0, 0) == Left(0.0, 0.0, 0.0)


def test_a_silence_moves_the_end() -> None:
    """With no arrival for a while, as when all workers are lost, the end is later and less sure by the second."""
    arrivals = [float(second) for second in range(20)]

    told = [left(arrivals, 19.0 + silence, 10) for silence in (0.0, 0.5, 10.0, 100.0)]

    assert told[1].seconds == pytest.approx(9.5)
    assert told[2].seconds > 10
    assert told[3].seconds > told[2].seconds
    assert told[3].latest - told[3].soonest > told[2].latest - told[2].soonest


def test_a_cluster_that_grew_is_judged_by_how_it_is_now() -> None:
    """A hundred slow tiles no longer count after a hundred fast ones."""
    slow = [10.0 * number for number in range(100)]
    fast = [slow[-1] + 0.1 * number for number in range(1, 101)]

    assert left(slow + fast, fast[-1], 100).seconds == pytest.approx(10)


def test_it_reads_as_a_sentence() -> None:
    """For a notebook's line."""
    assert "12 s left (10 to 15)" == str(Left(12.2, 9.9, 15.1))
