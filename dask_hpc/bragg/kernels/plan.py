"""Everything that can be known before the first pattern: one plan serves every pattern of a scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from dask_hpc.bragg.kernels.finegrid import FineAxis, fine_axis
from dask_hpc.bragg.kernels.settings import Settings

TRUNCATE = 4.0  # standard deviations kept of a Gaussian, as in scipy.ndimage


class Found(NamedTuple):
    """Disks of n patterns: `counts` (n,) int64, and `peaks` (sum of counts, 3): qx, qy, intensity; brightest first."""

    counts: NDArray[np.int64]
    peaks: NDArray[np.floating]


@dataclass(frozen=True)
class Plan:
    """Tables of arrays for patterns of one shape, one kernel, one set of options and one precision."""

    shape: tuple[int, int]
    settings: Settings
    dtype: np.dtype[np.floating]
    """float32 or float64, of every stage."""
    kernel_ft: NDArray[np.complexfloating]
    """(qx, qy // 2 + 1): complex conjugate of the rfft2 of the corner-centred kernel."""
    blur_dp: NDArray[np.floating]
    """Half of a symmetric Gaussian, centre first; empty for no blur."""
    blur_cc: NDArray[np.floating]
    fine: tuple[FineAxis, FineAxis] | None
    """Tables of multicorr for rows and columns; None for the other subpixel modes."""


def make_plan(kernel: NDArray[np.floating], settings: Settings, dtype: np.dtype[np.floating]) -> Plan:
    """Prepare disk finding with a corner-centred kernel of the pattern's shape.

    Raises ValueError where edgeBoundary leaves no pixel.
    """
    rows, columns = kernel.shape
    edge = max(settings.edgeBoundary, 1)
    if 2 * edge >= min(rows, columns):
        raise ValueError(f"edgeBoundary {edge} leaves nothing of patterns of {rows} x {columns} pixels")
    spectrum = scipy.fft.rfft2(np.asarray(kernel, dtype=np.float64)).conj()
    fine = None
    if settings.subpixel == "multicorr":
        step = settings.upsample_factor
        fine = fine_axis(rows, step, dtype), fine_axis(columns, step, dtype)
    return Plan(
        shape=(rows, columns),
        settings=settings,
        dtype=dtype,
        kernel_ft=spectrum.astype(np.result_type(dtype, np.complex64)),
        blur_dp=half_gaussian(settings.sigma_dp).astype(dtype),
        blur_cc=half_gaussian(settings.sigma_cc).astype(dtype),
        fine=fine,
    )


def half_gaussian(sigma: float) -> NDArray[np.float64]:
    """Centre and right half of a normalised Gaussian filter, `sigma` in pixels; empty where sigma is 0."""
    if sigma == 0:
        return np.empty(0)
    half = np.exp(-0.5 * (np.arange(int(TRUNCATE * sigma + 0.5) + 1) / sigma) ** 2)
    return np.asarray(half / (2 * half.sum() - half[0]))
