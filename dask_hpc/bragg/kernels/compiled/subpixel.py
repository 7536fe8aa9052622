# mypy: disable-error-code="no-untyped-def, call-overload"
# ruff: noqa: ANN001, ANN201, ANN202
# Types are numba's to infer: one source serves both precisions; its stubs lack the wrapper options of njit.
"""Where between the pixels a disk lies: by a parabola, and by the small grid of multicorr, see finegrid."""

from __future__ import annotations

import numpy as np

from dask_hpc.bragg.kernels.compiled.inner import INNER, INNER_SUM

WIDE = 32  # points of a panel of the small grid; numba_tier fills its tables up to it


@INNER
def parabola(image, peaks):
    """Each peak moves to the vertex of a parabola along each axis, and takes the bilinear value there."""
    for n in range(len(peaks)):
        i, j = int(peaks[n, 0]), int(peaks[n, 1])
        top = image[i, j]
        above, below, left, right = image[i - 1, j], image[i + 1, j], image[i, j - 1], image[i, j + 1]
        qx = i + (below - above) / (4 * top - 2 * below - 2 * above)
        qy = j + (right - left) / (4 * top - 2 * right - 2 * left)
        x0, x1, y0, y1 = int(np.floor(qx)), int(np.ceil(qx)), int(np.floor(qy)), int(np.ceil(qy))
        dx, dy = qx - x0, qy - y0
        upper = (1 - dy) * image[x0, y0] + dy * image[x0, y1]
        lower = (1 - dy) * image[x1, y0] + dy * image[x1, y1]
        peaks[n, 0], peaks[n, 1], peaks[n, 2] = qx, qy, (1 - dx) * upper + dx * lower


@INNER
def weight_and_pad(spectrum, row_weights, column_weights, padded):
    """The weighted spectrum spread over the rows of `padded`; the Nyquist row of an even axis stands at both signs."""
    rows, columns = spectrum.shape
    half = (rows + 1) // 2
    shift = padded.shape[0] - rows
    for i in range(half, half + shift):
        for j in range(columns):
            padded[i, j] = 0
    for i in range(rows):
        target = padded[i if i < half else i + shift]
        for j in range(columns):
            target[j] = spectrum[i, j] * (row_weights[i] * column_weights[j])
    if rows % 2 == 0:
        for j in range(columns):
            padded[half, j] = padded[half + shift, j]


@INNER
def best_of_grid(fine, rows, columns, factor, corner, peaks):
    """multicorr: each peak moves to the vertex near the highest point of its small grid, see finegrid.

    The grid is two products of small matrices, made in panels of WIDE by WIDE points.
    """
    size = rows.sine.shape[1]
    panels, height, width = rows.taps.shape[1], rows.taps.shape[2], columns.taps.shape[2]
    block = np.empty((width, height), fine.dtype)
    half = np.empty(width * WIDE, fine.dtype)
    panel = np.empty(WIDE * WIDE, fine.dtype)
    grid = np.empty((size, size), fine.dtype)
    for n in range(len(peaks)):
        h, v = int(np.rint(peaks[n, 0] * 2)), int(np.rint(peaks[n, 1] * 2))
        _cut_out(fine, rows.start[h], columns.start[v], block)
        for p in range(panels):
            _multiply(block.reshape(-1), height, 1, rows.taps[rows.phase[h], p].reshape(-1), half, width, height)
            for q in range(panels):
                right = columns.taps[columns.phase[v], q].reshape(-1)
                _multiply(half, 1, WIDE, right, panel, min(size - p * WIDE, WIDE), width)
                _place(panel, p, q, corner, rows.sine[h], columns.sine[v], grid)
        di, dj = _top(grid)
        peaks[n, 0] = rows.position[h] + di / factor
        peaks[n, 1] = columns.position[v] + dj / factor


@INNER
def _cut_out(fine, first_row, first_column, block):
    """Copy a block of the periodic fine grid, rows and columns exchanged."""
    rows, columns = fine.shape
    begin = first_column % columns
    for i in range(block.shape[1]):
        line = fine[(first_row + i) % rows]
        for j in range(block.shape[0]):
            at = begin + j
            block[j, i] = line[at if at < columns else at - columns]


@INNER_SUM
def _multiply(left, down, along, right, product, rows, common):
    """product[i, :] = sum over k < common of left[i * down + k * along] * right[k, :].

    Rows of `right` and `product` have WIDE values, so that the inner loop has a constant length; common is a multiple
    of four.
    """
    wide, one, two, three = np.uintp(WIDE), np.uintp(1), np.uintp(2), np.uintp(3)
    for i in range(rows):
        row = np.uintp(i) * wide
        for j in range(wide):
            product[row + j] = 0
        for k in range(0, common, 4):
            at = i * down + k * along
            a, b, c, d = left[at], left[at + along], left[at + 2 * along], left[at + 3 * along]
            line = np.uintp(k) * wide
            for j in range(wide):
                product[row + j] += (
                    a * right[line + j]
                    + b * right[line + one * wide + j]
                    + c * right[line + two * wide + j]
                    + d * right[line + three * wide + j]
                )


@INNER
def _place(panel, p, q, corner, row_sine, column_sine, grid):
    """Copy panel p, q to its place in the grid, less the corner frequency."""
    size = grid.shape[0]
    for i in range(p * WIDE, min((p + 1) * WIDE, size)):
        for j in range(q * WIDE, min((q + 1) * WIDE, size)):
            grid[i, j] = panel[(i - p * WIDE) * WIDE + j - q * WIDE] - corner * row_sine[i] * column_sine[j]


@INNER
def _top(grid):
    """Offset from the grid's centre, in steps, of its highest point; of its parabola's vertex unless on the rim."""
    size = grid.shape[0]
    best = np.argmax(grid)
    i, j = best // size, best % size
    di, dj = float(i - size // 2), float(j - size // 2)
    if 0 < i < size - 1 and 0 < j < size - 1:
        top = grid[i, j]
        above, below, left, right = grid[i - 1, j], grid[i + 1, j], grid[i, j - 1], grid[i, j + 1]
        di += (below - above) / (4 * top - 2 * below - 2 * above)
        dj += (right - left) / (4 * top - 2 * right - 2 * left)
    return di, dj


@INNER
def sort_brightest_first(peaks):
    """Rows of qx, qy, intensity by falling intensity, then qx, then qy, in place; nearly sorted already."""
    for n in range(1, len(peaks)):
        qx, qy, intensity = peaks[n, 0], peaks[n, 1], peaks[n, 2]
        m = n
        while m > 0 and _is_fainter(peaks[m - 1], qx, qy, intensity):
            for field in range(3):
                peaks[m, field] = peaks[m - 1, field]
            m -= 1
        peaks[m, 0], peaks[m, 1], peaks[m, 2] = qx, qy, intensity


@INNER
def _is_fainter(peak, qx, qy, intensity):
    if peak[2] != intensity:
        return peak[2] < intensity
    if peak[0] != qx:
        return peak[0] < qx
    return peak[1] < qy
