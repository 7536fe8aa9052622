# mypy: disable-error-code="no-untyped-def, call-overload"
# ruff: noqa: ANN001, ANN201, ANN202
# Types are numba's to infer: one source serves both precisions; its stubs lack the wrapper options of njit.
"""Clamp and blur of the correlation, or blur of the pattern."""

from __future__ import annotations

import numpy as np

from dask_hpc.bragg.kernels.compiled.inner import INNER, INNER_SUM


@INNER
def clamp(source, target):
    """Negative values to zero; both may be the same array."""
    zero = source.dtype.type(0)
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = max(source[i, j], zero)


@INNER_SUM
def blur(source, target, half, row, margin):
    """Gaussian filter with the edge reflected (half sample), as scipy.ndimage's `reflect`.

    half : centre and right half of the filter.   row : room for one row with both margins.
    margin : first and last rows that nobody will look at.
    """
    rows, columns = source.shape
    reach = half.size - 1
    before, after = np.empty(half.size, np.int64), np.empty(half.size, np.int64)
    for i in range(margin, rows - margin):
        for t in range(half.size):
            before[t], after[t] = _reflect(i - t, rows), _reflect(i + t, rows)
        _across(source, target, i, half, before, after)
        for j in range(reach):
            row[reach - 1 - j] = target[i, _reflect(-1 - j, columns)]
            row[reach + columns + j] = target[i, _reflect(columns + j, columns)]
        for j in range(columns):
            row[reach + j] = target[i, j]
        _along(target, i, row, half)


@INNER_SUM
def _across(source, target, i, half, before, after):
    """Filter the columns at row i, from the rows named by `before` and `after`; four taps at once spare memory."""
    columns = np.uintp(source.shape[1])
    for j in range(columns):
        target[i, j] = half[0] * source[i, j]
    t = 1
    while t + 4 <= half.size:
        h0, h1, h2, h3 = half[t], half[t + 1], half[t + 2], half[t + 3]
        a0, a1, a2, a3 = before[t], before[t + 1], before[t + 2], before[t + 3]
        b0, b1, b2, b3 = after[t], after[t + 1], after[t + 2], after[t + 3]
        for j in range(columns):
            target[i, j] += (
                h0 * (source[a0, j] + source[b0, j])
                + h1 * (source[a1, j] + source[b1, j])
                + h2 * (source[a2, j] + source[b2, j])
                + h3 * (source[a3, j] + source[b3, j])
            )
        t += 4
    for last in range(t, half.size):
        h0, a0, b0 = half[last], before[last], after[last]
        for j in range(columns):
            target[i, j] += h0 * (source[a0, j] + source[b0, j])


@INNER_SUM
def _along(target, i, row, half):
    """Filter one padded row into row i. Indices are unsigned: a sign would be tested, and block the vector unit."""
    reach = half.size - 1
    columns, centre = np.uintp(target.shape[1]), np.uintp(reach)
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    for j in range(columns):
        target[i, j] = half[0] * row[j + centre]
    t = 1
    while t + 3 <= reach:
        h0, h1, h2, h3 = half[t], half[t + 1], half[t + 2], half[t + 3]
        left, right = np.uintp(reach - t - 3), np.uintp(reach + t)
        for j in range(columns):
            target[i, j] += (
                h3 * (row[j + left] + row[j + right + three])
                + h2 * (row[j + left + one] + row[j + right + two])
                + h1 * (row[j + left + two] + row[j + right + one])
                + h0 * (row[j + left + three] + row[j + right])
            )
        t += 4
    for last in range(t, half.size):
        h0, left, right = half[last], np.uintp(reach - last), np.uintp(reach + last)
        for j in range(columns):
            target[i, j] += h0 * (row[j + left] + row[j + right])


@INNER
def _reflect(i, n):
    """Index i brought back into 0..n-1 by reflection about the half samples at both ends."""
    i %= 2 * n
    return i if i < n else 2 * n - 1 - i
