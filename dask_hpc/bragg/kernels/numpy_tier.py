"""Disk finding with numpy and scipy alone: works everywhere, starts at once, one pattern at a time.

The steps are those of `py4DSTEM.find_Bragg_disks` on the CPU, so that its users get the disks they know; the
refinement is reformulated, see finegrid. No function here uses more than one thread.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from dask_hpc.bragg.kernels.finegrid import FineAxis, grid_offsets
from dask_hpc.bragg.kernels.plan import TRUNCATE, Found, Plan
from dask_hpc.bragg.kernels.settings import Settings

ALONE = 1 << 18
"""Multiplications of a matrix product up to which OpenBLAS uses one thread, see its interface/gemm.c."""

Floats = NDArray[np.floating]
Spectrum = NDArray[np.complexfloating]
Ints = NDArray[np.int64]


def find(patterns: NDArray[np.generic], plan: Plan) -> Found:
    """Bragg disks of each of n patterns.

    patterns : (n, qx, qy), counts of any real type.
    """
    found = [find_in_pattern(pattern, plan) for pattern in patterns]
    counts = np.array([len(peaks) for peaks in found], dtype=np.int64)
    return Found(counts, np.concatenate([np.empty((0, 3), plan.dtype), *found]))


def find_in_pattern(pattern: NDArray[np.generic], plan: Plan) -> Floats:
    """Bragg disks of one pattern (qx, qy), as rows of qx, qy, intensity, brightest first."""
    settings = plan.settings
    spectrum = correlate(pattern, plan)
    correlation = np.maximum(scipy.fft.irfft2(spectrum, s=plan.shape), 0)
    if settings.sigma_cc > 0:
        correlation = scipy.ndimage.gaussian_filter(correlation, settings.sigma_cc, truncate=TRUNCATE)
    x, y = choose(*maxima(correlation, max(settings.edgeBoundary, 1)), settings)
    if settings.subpixel in ("none", "pixel"):
        return np.column_stack([x, y, correlation[x, y]]).astype(plan.dtype)
    peaks = parabola(correlation, x, y)
    if plan.fine is None or not len(x):
        return peaks
    peaks[:, 0], peaks[:, 1] = upsample(spectrum, peaks, plan.fine, settings.upsample_factor)
    return peaks[brightest_first(*peaks.T)]


def correlate(pattern: NDArray[np.generic], plan: Plan) -> Spectrum:
    """Half spectrum (rfft2) of the hybrid correlation of a pattern with the kernel."""
    settings = plan.settings
    data = pattern.astype(plan.dtype)
    if settings.sigma_dp > 0:
        data = scipy.ndimage.gaussian_filter(data, settings.sigma_dp, truncate=TRUNCATE)
    product: Spectrum = scipy.fft.rfft2(data) * plan.kernel_ft
    if settings.corrPower == 1:
        return product
    modulus = np.abs(product)
    with np.errstate(divide="ignore", invalid="ignore"):
        powered = product * modulus ** plan.dtype.type(settings.corrPower - 1)
    # a modulus of zero has the argument zero
    return np.where(modulus > 0, powered, product.dtype.type(settings.corrPower == 0))


def maxima(correlation: Floats, edge: int) -> tuple[Ints, Ints, Floats]:
    """Local maxima at least `edge` >= 1 pixels from the border: rows, columns, values.

    Of two equal neighbours only one is a maximum: strict towards left and above, not strict towards right and below.
    """
    rows, columns = correlation.shape

    def moved(down: int, right: int) -> Floats:
        return correlation[edge + down : rows - edge + down, edge + right : columns - edge + right]

    centre = moved(0, 0)
    above_rest = centre > moved(-1, 0)
    for down, right in ((0, -1), (1, -1), (-1, -1)):
        above_rest &= centre > moved(down, right)
    for down, right in ((1, 0), (0, 1), (1, 1), (-1, 1)):
        above_rest &= centre >= moved(down, right)
    x, y = np.nonzero(above_rest)
    return x + edge, y + edge, centre[x, y]


def choose(x: Ints, y: Ints, intensity: Floats, settings: Settings) -> tuple[Ints, Ints]:
    """Maxima that pass the thresholds, the spacing and the number asked for, brightest first."""
    order = brightest_first(x, y, intensity)
    order = order[intensity[order] >= settings.minAbsoluteIntensity]
    if settings.minRelativeIntensity > 0 and len(order) > settings.relativeToPeak:
        reference = intensity[order[settings.relativeToPeak]]
        order = order[intensity[order] / reference >= settings.minRelativeIntensity]
    x, y = x[order], y[order]
    if settings.minPeakSpacing > 0:
        kept = spaced(x, y, settings.minPeakSpacing)
        x, y = x[kept], y[kept]
    return x[: settings.maxNumPeaks], y[: settings.maxNumPeaks]


def brightest_first(x: NDArray[np.generic], y: NDArray[np.generic], intensity: Floats) -> Ints:
    """Order by falling intensity; equal ones by falling x, then y."""
    return np.asarray(np.lexsort((y, x, intensity))[::-1])


def spaced(x: Ints, y: Ints, spacing: float) -> NDArray[np.bool_]:
    """Which maxima, given brightest first, are not closer than `spacing` to a brighter one that is kept."""
    kept = np.ones(len(x), dtype=bool)
    for i in range(len(x)):
        if kept[i]:
            near = (x[i + 1 :] - x[i]) ** 2 + (y[i + 1 :] - y[i]) ** 2 < spacing**2
            kept[i + 1 :] &= ~near
    return kept


def parabola(correlation: Floats, x: Ints, y: Ints) -> Floats:
    """Vertex of a three-point parabola along each axis, and the correlation there by bilinear interpolation."""
    top = correlation[x, y]
    above, below = correlation[x - 1, y], correlation[x + 1, y]
    left, right = correlation[x, y - 1], correlation[x, y + 1]
    qx = x + (below - above) / (4 * top - 2 * below - 2 * above)
    qy = y + (right - left) / (4 * top - 2 * right - 2 * left)
    x0, y0 = np.floor(qx).astype(np.int64), np.floor(qy).astype(np.int64)
    x1, y1 = np.ceil(qx).astype(np.int64), np.ceil(qy).astype(np.int64)
    dx, dy = qx - x0, qy - y0
    upper = (1 - dy) * correlation[x0, y0] + dy * correlation[x0, y1]
    lower = (1 - dy) * correlation[x1, y0] + dy * correlation[x1, y1]
    return np.column_stack([qx, qy, (1 - dx) * upper + dx * lower]).astype(correlation.dtype)


def upsample(spectrum: Spectrum, peaks: Floats, axes: tuple[FineAxis, FineAxis], factor: int) -> tuple[Floats, Floats]:
    """multicorr: highest point of the Fourier-interpolated correlation around each peak, then a parabola there."""
    rows, columns = axes
    h = np.round(peaks[:, 0] * 2).astype(np.int64)
    v = np.round(peaks[:, 1] * 2).astype(np.int64)
    grid = interpolate(spectrum, h, v, axes)
    offsets = grid_offsets(factor)
    i, j = np.unravel_index(grid.reshape(len(grid), -1).argmax(axis=1), grid.shape[1:])
    inner = (i > 0) & (i < len(offsets) - 1) & (j > 0) & (j < len(offsets) - 1)
    # on the rim the parabola lacks a point: the position stays on the grid
    di, dj = _vertex(grid, np.clip(i, 1, len(offsets) - 2), np.clip(j, 1, len(offsets) - 2))
    qx = rows.position[h] + (offsets[i] + np.where(inner, di, 0)) / factor
    qy = columns.position[v] + (offsets[j] + np.where(inner, dj, 0)) / factor
    return qx, qy


def interpolate(spectrum: Spectrum, h: Ints, v: Ints, axes: tuple[FineAxis, FineAxis]) -> Floats:
    """The correlation, unnormalised, on the small grids around the half-pixel positions h, v: (n, grid, grid)."""
    rows, columns = axes
    padded = fine_correlation(spectrum, axes)
    block_rows = (rows.start[h][:, None] + np.arange(rows.taps.shape[2])) % rows.fine
    block_columns = (columns.start[v][:, None] + np.arange(columns.taps.shape[2])) % columns.fine
    blocks = padded[block_rows[:, :, None], block_columns[:, None, :]]
    left, right = rows.taps[rows.phase[h]], columns.taps[columns.phase[v]].transpose(0, 2, 1)
    step = max(1, ALONE // (left.shape[2] * max(left.shape[2], right.shape[1], right.shape[2])))
    grid = np.concatenate([left[:, i : i + step] @ blocks @ right for i in range(0, left.shape[1], step)], axis=1)
    if rows.size % 2 == 0 and columns.size % 2 == 0:
        # the corner frequency is cos(pi (x + y)) to multicorr, cos(pi x) cos(pi y) to the padded transform
        corner = spectrum[rows.size // 2, columns.size // 2].real
        grid -= corner * (rows.sine[h][:, :, None] * columns.sine[v][:, None, :])
    return np.asarray(grid)


def fine_correlation(spectrum: Spectrum, axes: tuple[FineAxis, FineAxis]) -> Floats:
    """The weighted spectrum transformed to the fine grid, unnormalised: (rows.fine, columns.fine)."""
    rows, columns = axes
    width = spectrum.shape[1]
    weighted = spectrum * (rows.weights[:, None] * columns.weights[:width])
    half = (rows.size + 1) // 2
    padded = np.zeros((rows.fine, width), spectrum.dtype)
    padded[:half] = weighted[:half]
    padded[rows.fine - rows.size // 2 :] = weighted[half:]
    if rows.size % 2 == 0:
        padded[half] = weighted[half]  # the Nyquist row stands for both signs
    along_rows = scipy.fft.ifft(padded, axis=0, norm="forward", overwrite_x=True)
    return np.asarray(scipy.fft.irfft(along_rows, n=columns.fine, axis=1, norm="forward", overwrite_x=True))


def _vertex(grid: Floats, i: NDArray[np.intp], j: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Offset of a parabola's vertex along each axis from the inner grid point i, j, in steps."""
    n = np.arange(len(grid))
    top = grid[n, i, j]
    above, below = grid[n, i - 1, j], grid[n, i + 1, j]
    left, right = grid[n, i, j - 1], grid[n, i, j + 1]
    with np.errstate(divide="ignore", invalid="ignore"):  # clipped points need not be maxima; they are not used
        return (
            (below - above) / (4 * top - 2 * below - 2 * above),
            (right - left) / (4 * top - 2 * right - 2 * left),
        )
