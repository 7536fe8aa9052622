"""The radial background is the median of rings around the beam."""

from __future__ import annotations

import numpy as np
import pytest

from dask_hpc.bragg.kernels import subtract_background

CENTRE = np.array([31.3, 24.6])


def rings(shape: tuple[int, int]) -> np.ndarray:
    """A smooth hill around CENTRE."""
    x, y = np.indices(shape) - CENTRE[:, None, None]
    return 100 * np.exp(-np.hypot(x, y) / 20)


@pytest.mark.parametrize("shape", [(64, 50), (63, 51)])
def test_a_hill_goes_and_a_disk_stays(shape) -> None:
    """What is the same all around leaves little; what stands on it keeps its height."""
    pattern = rings(shape)
    pattern[10:14, 30:34] += 50

    (left,) = subtract_background(pattern[None], CENTRE[None])

    assert left.min() >= 0
    assert np.median(left) < 1
    np.testing.assert_allclose(left[10:14, 30:34], 50, atol=3)


def test_each_pattern_has_its_own_origin() -> None:
    """The same pattern seen from another origin has another background."""
    pattern = rings((64, 50))

    right, wrong = subtract_background(np.stack([pattern, pattern]), np.stack([CENTRE, CENTRE + 9]))

    assert right.sum() < 0.1 * wrong.sum()


def test_a_pattern_with_nan_comes_back_as_it_is() -> None:
    """It has no disks, and its neighbours keep theirs."""
    patterns = np.stack([rings((64, 50))] * 2)
    patterns[0, 3, 3] = np.nan

    left = subtract_background(patterns, np.stack([CENTRE, CENTRE]))

    np.testing.assert_array_equal(patterns[0], left[0])
    assert np.isfinite(left[1]).all()
