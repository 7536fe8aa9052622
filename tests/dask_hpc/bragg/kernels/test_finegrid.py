"""The fine grid gives the trigonometric interpolant that multicorr means, at every half pixel."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft

from dask_hpc.bragg.kernels.finegrid import fine_axis, grid_offsets
from dask_hpc.bragg.kernels.numpy_tier import interpolate


# what is left is rounding, made larger by the range of the window's weights, some 200 an axis, and other on each kind
# of processor; the worst point of forty noises in these shapes was off by 1.4e-14 in double, 2.2e-5 in single precision
@pytest.mark.parametrize("shape", [(32, 48), (33, 48), (32, 45), (31, 37)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("f8", 1e-12), ("f4", 5e-5)])
def test_the_interpolant_is_exact_near_the_edges_too(shape, dtype, tolerance) -> None:
    """White noise, the hardest signal, is interpolated to rounding, with the corner frequency of even sizes."""
    image = np.random.default_rng(5).normal(size=shape)
    axes = tuple(fine_axis(size, 16, np.dtype(dtype)) for size in shape)
    h = np.array([1, 2, shape[0], 2 * shape[0] - 3])
    v = np.array([2 * shape[1] - 3, shape[1] + 1, 1, 2])

    grids = interpolate(scipy.fft.rfft2(image.astype(dtype)), h, v, axes)

    spectrum = np.fft.fft2(image)
    for grid, i, j in zip(grids, h / 2, v / 2, strict=True):
        steps = grid_offsets(16) / 16
        rows = np.exp(2j * np.pi * np.outer(i + steps, np.fft.fftfreq(shape[0])))
        columns = np.exp(2j * np.pi * np.outer(j + steps, np.fft.fftfreq(shape[1])))
        expected = (rows @ spectrum @ columns.T).real
        error = np.abs(grid - expected) / np.abs(spectrum).sum()
        assert error.max() < tolerance
        assert np.sqrt(np.mean(error**2)) < tolerance / 5


def test_an_odd_upsampling_has_its_centre_on_the_grid() -> None:
    """The small grid of an odd factor is not symmetric, and holds its centre."""
    offsets = grid_offsets(5)

    assert [-4, 3] == [offsets[0], offsets[-1]]
    assert 0 in offsets
