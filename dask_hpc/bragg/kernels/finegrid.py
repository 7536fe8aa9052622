"""Fourier interpolation of the correlation around each peak, at the price of one more inverse FFT.

multicorr asks for the trigonometric interpolant of the correlation on a small grid of 1/u px steps around every peak.
Evaluating it by two dense matrix products a peak costs far more than all the rest. Here the spectrum is padded to 1.25
(single precision) or 1.5 times its size, divided by the Fourier transform of a Kaiser-Bessel window and transformed
once for all peaks; each small grid is then a sum over the few fine points that the window covers: a non-uniform FFT of
type 2, see Fessler and Sutton, IEEE Trans. Signal Process. 51, 560 (2003). The error falls about as
exp(-pi w sqrt(1 - 1/sigma)) with window width w and padding sigma, so that the width chosen for each precision makes it
as small as rounding.

Positions are half pixels rounded to the grid, so every matrix of window values is made beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

PADDING = {np.dtype(np.float32): 1.25, np.dtype(np.float64): 1.5}
WIDTH = {np.dtype(np.float32): 13, np.dtype(np.float64): 18}  # fine points; error 1e-8 and 7e-15
LANES = 8  # the window values are filled up with zeros to a multiple of this, for the vector unit
REACH = 1.5  # the small grid spans this many pixels, Guizar-Sicairos et al., Opt. Lett. 33, 156 (2008)


@dataclass(frozen=True)
class FineAxis:
    """One detector axis of `size` pixels, padded to `fine` points. Indexed by h, a position in half pixels."""

    size: int
    fine: int
    weights: Floats
    """(size,): what multiplies each frequency, in fft order; the Nyquist frequency of an even axis counts half."""
    start: Ints
    """(2 size,): first fine point under the window of any grid point of h; may be negative, wraps around."""
    phase: Ints
    """(2 size,): which of `taps` belongs to h."""
    taps: Floats
    """(phases, grid, reach): window values; grid values = taps @ fine values from `start` on."""
    position: NDArray[np.float64]
    """(2 size,): centre of h's grid in pixels, rounded to the grid's steps."""
    sine: Floats
    """(2 size, grid): sin(pi x) at the grid points, for the corner frequency of even patterns."""


def fine_axis(size: int, upsample_factor: int, dtype: np.dtype[np.floating]) -> FineAxis:
    """Tables for one axis of `size` pixels and a grid of `upsample_factor` steps a pixel."""
    width = WIDTH[dtype]
    fine = scipy.fft.next_fast_len(int(np.ceil(PADDING[dtype] * size)), real=True)
    beta = np.pi * width * (1 - size / (2 * fine))
    half_pixels = np.arange(2 * size)
    position = np.round(half_pixels / 2 * upsample_factor) / upsample_factor
    x = position[:, None] + grid_offsets(upsample_factor) / upsample_factor
    first, last = x[:, 0] * fine / size, x[:, -1] * fine / size
    start = np.ceil(first - width / 2).astype(np.int64)
    reach = int(np.max(np.floor(last + width / 2) - start)) + 1
    reach = -(-reach // LANES) * LANES
    # equal distances to the first fine point share one matrix; rounded, as they differ by rounding only
    _, example, phase = np.unique(np.round(first - start, 9), return_index=True, return_inverse=True)
    distance = (x * fine / size - start[:, None])[example, :, None] - np.arange(reach)
    return FineAxis(
        size=size,
        fine=fine,
        weights=_weights(size, fine, width, beta).astype(dtype),
        start=start,
        phase=phase.astype(np.int64),
        taps=_window(distance, width, beta).astype(dtype),
        position=position,
        sine=np.sin(np.pi * x).astype(dtype),
    )


def grid_offsets(upsample_factor: int) -> Ints:
    """Steps from the centre of the small grid to each of its points."""
    points = int(np.ceil(REACH * upsample_factor))
    return np.arange(points) - points // 2


def _window(distance: NDArray[np.float64], width: int, beta: float) -> NDArray[np.float64]:
    """Kaiser-Bessel window at a distance in fine points; zero outside its width."""
    inside = np.clip(1 - (2 * distance / width) ** 2, 0, None)
    return np.where(np.abs(distance) <= width / 2, np.i0(beta * np.sqrt(inside)) / np.i0(beta), 0.0)


def _weights(size: int, fine: int, width: int, beta: float) -> NDArray[np.float64]:
    """One over the window's Fourier transform at each frequency of the pattern."""
    frequency = np.fft.fftfreq(size, 1 / size)
    root = np.sqrt(beta**2 - (np.pi * width * frequency / fine) ** 2)
    weights = np.i0(beta) * root / (width * np.sinh(root))
    if size % 2 == 0:
        weights[size // 2] /= 2
    return np.asarray(weights)
