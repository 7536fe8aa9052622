# mypy: disable-error-code="no-untyped-def, call-overload"
# ruff: noqa: ANN001, ANN202
# Types are numba's to infer: one source serves both precisions; its stubs lack the wrapper options of njit.
"""The one compiled function that Python calls: disks of a batch of patterns, in buffers of the caller.

The rules are those of numpy_tier, which says them in words. The functions of the other files are built into this one,
and only it is cached. numba takes machine code from its cache as long as this file has not changed; that the others
have not is told by their digest, which the function holds.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import rocket_fft
from numba import njit

from dask_hpc.bragg.kernels.compiled.blur import blur, clamp
from dask_hpc.bragg.kernels.compiled.inner import INNER
from dask_hpc.bragg.kernels.compiled.maxima import choose, maxima
from dask_hpc.bragg.kernels.compiled.power import power
from dask_hpc.bragg.kernels.compiled.subpixel import best_of_grid, parabola, sort_brightest_first, weight_and_pad

PIXEL, POLY, MULTICORR = 0, 1, 2


def _built_of(sources: str):
    """The function, tied to the digest of what it is built of."""

    @njit(nogil=True, cache=True)
    def find_batch(patterns, tables, numbers, work, counts):
        """Disks of a batch into work.found, their number of each pattern into `counts`; returns the sum."""
        sources  # noqa: B018  # read, so that it is part of the function, and of its place in the cache
        total = 0
        for number in range(patterns.shape[0]):
            _correlate(patterns[number], tables, numbers, work)
            _back(tables, numbers, work)
            n = choose(maxima(work.smooth, numbers, work), numbers, work)
            peaks = work.found[total : total + n]
            for i in range(n):
                k = work.order[i]
                peaks[i, 0], peaks[i, 1], peaks[i, 2] = work.x[k], work.y[k], work.height[k]
            if numbers.mode != PIXEL:
                parabola(work.smooth, peaks)
            if numbers.mode == MULTICORR and n > 0:
                corner = _refine(tables, numbers, work)
                best_of_grid(work.fine, tables.rows, tables.columns, numbers.factor, corner, peaks)
                sort_brightest_first(peaks)
            counts[number] = n
            total += n
        return total

    return find_batch


@INNER
def _correlate(pattern, tables, numbers, work):
    """Half spectrum of the hybrid correlation of one pattern with the kernel."""
    if tables.blur_dp.size > 0:
        blur(pattern, work.smooth, tables.blur_dp, work.row, 0)
        pattern = work.smooth
    rocket_fft.r2c(pattern, work.spectrum, np.array([0, 1]), True, 1.0, 1)
    product, kernel = work.parts, tables.kernel_parts
    for j in range(product.size // 2):  # written out: complex numbers would not be vectorised
        real, imaginary = product[2 * j], product[2 * j + 1]
        product[2 * j] = real * kernel[2 * j] - imaginary * kernel[2 * j + 1]
        product[2 * j + 1] = real * kernel[2 * j + 1] + imaginary * kernel[2 * j]
    if numbers.power != 1.0:
        power(product, numbers.power)


@INNER
def _back(tables, numbers, work):
    """The correlation itself, clamped at zero and blurred, into work.smooth."""
    spectrum, data = work.spectrum, work.data
    scale = 1.0 / (data.shape[0] * data.shape[1])
    # one axis after the other in our own buffers: a transform of both would allocate one
    rocket_fft.c2c(spectrum, work.columns, np.array([0]), False, scale, 1)
    rocket_fft.c2r(work.columns, data, np.array([1]), False, 1.0, 1)
    if tables.blur_cc.size > 0:
        clamp(data, data)
        blur(data, work.smooth, tables.blur_cc, work.row, numbers.edge - 1)
    else:
        clamp(data, work.smooth)


@INNER
def _refine(tables, numbers, work):
    """The correlation on the fine grid, into work.fine; returns the corner frequency, 0 where there is none."""
    spectrum, padded = work.spectrum, work.fine_columns
    weight_and_pad(spectrum, tables.rows.weights, tables.columns.weights, padded)
    # columns first, only those that hold anything; the row transform pads by itself
    rocket_fft.c2c(padded, padded, np.array([0]), False, 1.0, 1)
    rocket_fft.c2r(padded, work.fine, np.array([1]), False, 1.0, 1)
    if numbers.corner:
        return spectrum[spectrum.shape[0] // 2, spectrum.shape[1] - 1].real
    return spectrum[0, 0].imag * 0


def _sources() -> str:
    """Digest of every file of this folder."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


find_batch = _built_of(_sources())
