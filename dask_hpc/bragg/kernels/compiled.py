# mypy: disable-error-code="no-untyped-def, call-overload"
# ruff: noqa: ANN001, ANN201, ANN202
# Types are numba's to infer: one source serves both precisions; its stubs lack the wrapper options of njit.
"""The compiled half of numba_tier: disks of a batch of patterns, in buffers of the caller.

The rules are those of numpy_tier, which says them in words. All compiled code stands in this one file, because numba
takes machine code from its cache as long as the file of the function called has not changed. Only that function is
cached and can be called from Python; the others are built into it.

Two habits of this file have reasons: copies are loops, as assigning a slice compiles a whole error message; and inner
loops count with unsigned integers, as the sign of an index would be tested for wrap-around and block the vector unit.
"""

from __future__ import annotations

import numpy as np
import rocket_fft
from numba import njit

PIXEL, POLY, MULTICORR = 0, 1, 2
WIDE = 32  # points of a panel of the small grid; numba_tier fills its tables up to it
SLACK = 1e-5  # a maximum this much below a threshold is still looked at; `_choose` decides exactly
INNER = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
INNER_EXACT = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, fastmath={"contract"})
# sums may be reordered too; NaN keeps its meaning
INNER_SUM = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, fastmath={"contract", "reassoc", "nsz"})


@njit(nogil=True, cache=True)
def find_batch(patterns, tables, numbers, work, counts):
    """Disks of a batch into work.found, their number of each pattern into `counts`; returns the sum."""
    total = 0
    for number in range(patterns.shape[0]):
        _correlate(patterns[number], tables, numbers, work)
        _back(tables, numbers, work)
        n = _choose(_maxima(work.smooth, numbers, work), numbers, work)
        peaks = work.found[total : total + n]
        for i in range(n):
            k = work.order[i]
            peaks[i, 0], peaks[i, 1], peaks[i, 2] = work.x[k], work.y[k], work.height[k]
        if numbers.mode != PIXEL:
            _parabola(work.smooth, peaks)
        if numbers.mode == MULTICORR and n > 0:
            corner = _refine(tables, numbers, work)
            _best_of_grid(work.fine, tables.rows, tables.columns, numbers.factor, corner, peaks)
            _sort_brightest_first(peaks)
        counts[number] = n
        total += n
    return total


@INNER
def _correlate(pattern, tables, numbers, work):
    """Half spectrum of the hybrid correlation of one pattern with the kernel."""
    if tables.blur_dp.size > 0:
        _blur(pattern, work.smooth, tables.blur_dp, work.row, 0)
        pattern = work.smooth
    rocket_fft.r2c(pattern, work.spectrum, np.array([0, 1]), True, 1.0, 1)
    product, kernel = work.parts, tables.kernel_parts
    for j in range(product.size // 2):  # written out: complex numbers would not be vectorised
        real, imaginary = product[2 * j], product[2 * j + 1]
        product[2 * j] = real * kernel[2 * j] - imaginary * kernel[2 * j + 1]
        product[2 * j + 1] = real * kernel[2 * j + 1] + imaginary * kernel[2 * j]
    if numbers.power != 1.0:
        _power(product, numbers.power)


@INNER
def _back(tables, numbers, work):
    """The correlation itself, clamped at zero and blurred, into work.smooth."""
    spectrum, data = work.spectrum, work.data
    scale = 1.0 / (data.shape[0] * data.shape[1])
    # one axis after the other in our own buffers: a transform of both would allocate one
    rocket_fft.c2c(spectrum, work.columns, np.array([0]), False, scale, 1)
    rocket_fft.c2r(work.columns, data, np.array([1]), False, 1.0, 1)
    if tables.blur_cc.size > 0:
        _clamp(data, data)
        _blur(data, work.smooth, tables.blur_cc, work.row, numbers.edge - 1)
    else:
        _clamp(data, work.smooth)


@INNER
def _refine(tables, numbers, work):
    """The correlation on the fine grid, into work.fine; returns the corner frequency, 0 where there is none."""
    spectrum, padded = work.spectrum, work.fine_columns
    _weight_and_pad(spectrum, tables.rows.weights, tables.columns.weights, padded)
    # columns first, only those that hold anything; the row transform pads by itself
    rocket_fft.c2c(padded, padded, np.array([0]), False, 1.0, 1)
    rocket_fft.c2r(padded, work.fine, np.array([1]), False, 1.0, 1)
    if numbers.corner:
        return spectrum[spectrum.shape[0] // 2, spectrum.shape[1] - 1].real
    return spectrum[0, 0].imag * 0


@INNER
def _clamp(source, target):
    """Negative values to zero; both may be the same array."""
    zero = source.dtype.type(0)
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = max(source[i, j], zero)


@INNER_SUM
def _blur(source, target, half, row, margin):
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


CHUNK = 1024  # coefficients: the buffers of `power` stay in the first-level cache


@INNER
def _power(parts, p):
    """Modulus of every coefficient to the power p, argument kept, in place; zero is taken to have argument 0.

    parts : real and imaginary parts in turn, (2 n,).
    """
    square, mantissa, exponent, factor = np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty(CHUNK)
    square_bits, mantissa_bits = square.view(np.int64), mantissa.view(np.int64)
    exponent_bits, factor_bits = exponent.view(np.int64), factor.view(np.int64)
    for begin in range(0, parts.size // 2, CHUNK):
        part = parts[2 * begin : 2 * (begin + CHUNK)]
        size = part.size // 2
        for j in range(size):
            real, imaginary = np.float64(part[2 * j]), np.float64(part[2 * j + 1])
            square[j] = real * real + imaginary * imaginary
        _split(square_bits, mantissa_bits, exponent_bits)
        _logarithm(mantissa, exponent, (p - 1) / 2, factor)
        _exponential(factor, mantissa, mantissa_bits, factor_bits)
        for j in range(size):
            f = factor[j] if square[j] > 0 else 0.0
            part[2 * j] *= f
            part[2 * j + 1] *= f
            if p == 0 and square[j] == 0:
                part[2 * j] = 1


# The three loops below make x ** q for positive normal x, to about 1e-14, without branches and calls, so that they
# are vectorised. A double near 1.5 * 2**52 holds a small integer in its low bits.
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
INTEGER = 6755399441055744.0
INTEGER_BITS = 0x4338000000000000
LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453


@INNER
def _split(x_bits, mantissa_bits, exponent_bits):
    """Mantissa in [sqrt(1/2), sqrt(2)) and exponent (as low bits of INTEGER) of each double, given as bits."""
    for j in range(x_bits.size):
        exponent = (x_bits[j] - ROOT_HALF_BITS) >> 52
        mantissa_bits[j] = x_bits[j] - (exponent << 52)
        exponent_bits[j] = exponent + INTEGER_BITS


@INNER_EXACT
def _logarithm(mantissa, exponent, q, result):
    """q log2(x) by log m = 2 atanh((m - 1) / (m + 1)), whose series falls by w < 0.0295 a term."""
    for j in range(result.size):
        z = (mantissa[j] - 1.0) / (mantissa[j] + 1.0)
        w = z * z
        series = 1 / 11 + w * (1 / 13 + w * (1 / 15 + w * (1 / 17 + w * (1 / 19 + w / 21))))
        series = 1.0 + w * (1 / 3 + w * (1 / 5 + w * (1 / 7 + w * (1 / 9 + w * series))))
        result[j] = q * ((exponent[j] - INTEGER) + 2.0 * LOG2_E * z * series)


@INNER_EXACT
def _exponential(y, whole, whole_bits, y_bits):
    """2 ** y in place: the whole part as exponent bits, the rest (at most a half) by Taylor's series."""
    for j in range(y.size):
        whole[j] = y[j] + INTEGER
        f = (y[j] - (whole[j] - INTEGER)) * LN_2
        high = 1 / 5040 + f * (1 / 40320 + f * (1 / 362880 + f * (1 / 3628800 + f * (1 / 39916800 + f / 479001600))))
        y[j] = 1.0 + f * (1.0 + f * (1 / 2 + f * (1 / 6 + f * (1 / 24 + f * (1 / 120 + f * (1 / 720 + f * high))))))
    for j in range(y.size):
        y_bits[j] += (whole_bits[j] - INTEGER_BITS) << 52


@INNER
def _weight_and_pad(spectrum, row_weights, column_weights, padded):
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
def _maxima(image, numbers, work):
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
def _choose(n, numbers, work):
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


@INNER
def _parabola(image, peaks):
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
def _best_of_grid(fine, rows, columns, factor, corner, peaks):
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
def _sort_brightest_first(peaks):
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
