# mypy: disable-error-code="no-untyped-def, call-overload"
# ruff: noqa: ANN001, ANN201, ANN202
# Types are numba's to infer: one source serves both precisions; its stubs lack the wrapper options of njit.
"""Which maxima of the correlation are disks: numpy_tier's `maxima` and `choose`, in buffers."""

from __future__ import annotations

import numpy as np

from dask_hpc.bragg.kernels.compiled.inner import INNER

SLACK = 1e-5  # a maximum this much below a threshold is still looked at; `choose` decides exactly


@INNER
def maxima(image, numbers, work):
    """Local maxima away from the edge, into work.x, y, height in row order; returns how many.

    Those that cannot pass the thresholds any more are left out early: the reference only rises.
    """
    x, y, height = work.x, work.y, work.height
    rows, columns = image.shape
    edge = numbers.edge
    rising = numbers.reference == 0 and numbers.relative > 0
    threshold = numbers.least * (1 - SLACK)
    n = 0
    for i in range(edge, rows - edge):
        if not _count(image, i, edge, image.dtype.type(threshold)):
            continue
        above, line, below = image[i - 1], image[i], image[i + 1]
        for j in range(edge, columns - edge):
            c = line[j]
            if (
                c >= threshold and c > above[j - 1] and c > above[j] and c > line[j - 1] and c > below[j - 1]
                and c >= above[j + 1] and c >= line[j + 1] and c >= below[j] and c >= below[j + 1]
            ):  # fmt: skip
                x[n], y[n], height[n] = i, j, c
                n += 1
                if rising:
                    threshold = max(threshold, numbers.relative * c * (1 - SLACK))
    return n


@INNER
def _count(image, i, edge, threshold):
    """Maxima of one row: a sum without branches, which is vectorised. Unsigned indices: a sign would be tested."""
    n = np.int32(0)
    one = np.uintp(1)
    for j in range(np.uintp(edge), np.uintp(image.shape[1] - edge)):
        c = image[i, j]
        n += np.int32(
            (c >= threshold) & (c > image[i - 1, j - one]) & (c > image[i - 1, j]) & (c > image[i, j - one])
            & (c > image[i + 1, j - one]) & (c >= image[i - 1, j + one]) & (c >= image[i, j + one])
            & (c >= image[i + 1, j]) & (c >= image[i + 1, j + one])
        )  # fmt: skip
    return n


@INNER
def choose(n, numbers, work):
    """Thresholds, spacing and number, brightest first, into work.order; returns how many. Maxima come in row order."""
    x, y, height = work.x, work.y, work.height
    order = work.order
    first = 0
    for i in range(n):
        if height[i] >= numbers.least:
            order[first] = i
            first += 1
    _sort(order, first, height)
    reference = height[order[numbers.reference]] if first > numbers.reference else height.dtype.type(0)
    nearest = numbers.spacing * numbers.spacing
    m = 0
    for k in range(first):
        i = order[k]
        if m == numbers.most or (numbers.relative > 0 and reference > 0 and height[i] / reference < numbers.relative):
            break  # all that follow are fainter
        if nearest == 0 or _is_free(order, m, x, y, i, nearest):
            order[m] = i  # m <= k: the kept ones take the places of those that are judged already
            m += 1
    return m


@INNER
def _sort(order, n, height):
    """The first n indices by falling height, equal heights by falling index: Shell's method with a third each."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap >= 1:
        for k in range(gap, n):
            i = order[k]
            m = k
            while m >= gap and (
                height[order[m - gap]] < height[i] or (height[order[m - gap]] == height[i] and order[m - gap] < i)
            ):
                order[m] = order[m - gap]
                m -= gap
            order[m] = i
        gap //= 3


@INNER
def _is_free(order, m, x, y, i, nearest):
    """Whether maximum i is not too close to any of the m that are kept."""
    for at in range(m):
        k = order[at]
        if (x[k] - x[i]) ** 2 + (y[k] - y[i]) ** 2 < nearest:
            return False
    return True
