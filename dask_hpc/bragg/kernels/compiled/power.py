# mypy: disable-error-code="no-untyped-def, call-overload"
# ruff: noqa: ANN001, ANN201, ANN202
# Types are numba's to infer: one source serves both precisions; its stubs lack the wrapper options of njit.
"""The hybrid correlation's power on every coefficient, without calls, so that the vector unit does it."""

from __future__ import annotations

import numpy as np

from dask_hpc.bragg.kernels.compiled.inner import INNER, INNER_EXACT

CHUNK = 1024  # coefficients: the buffers of `power` stay in the first-level cache


@INNER
def power(parts, p):
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
