"""The radial background of a pattern: the median of each ring around the beam, as py4DSTEM subtracts it.

The pattern is spread onto a polar grid around the origin, each pixel over the four nearest points of it. Near the
origin, where a step of the angle is less than a pixel, the grid is smoothed along the angle by half a pixel. The
background of a ring is the median of its points that pixels reached; the profile is smoothed and interpolated back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

Floats = NDArray[np.float64]

ANGLES = 180
STEP = 2 * np.pi / ANGLES  # radians; rings are one pixel apart
SMOOTH = 2.0  # rings, standard deviation of the smoothing of the profile
NARROW = 0.1669  # angles: a Gaussian of less leaves under 5 % of a point to its neighbour, and is left out
REACHED = 0.1  # pixels: a point of the grid that less than this has reached counts as empty


@dataclass(frozen=True)
class Rings:
    """The polar grid around one origin, for patterns of one shape."""

    distance: Floats
    """(qx, qy): of each pixel from the origin, pixels."""
    spread: scipy.sparse.csr_array
    """(ANGLES * rings, qx * qy): how much of each pixel goes to each point of the grid."""
    share: Floats
    """(ANGLES, rings): what of all pixels came to each point."""
    empty: NDArray[np.bool_]
    """(ANGLES, rings): points with too little to count."""


def subtract_background(patterns: NDArray[np.generic], origins: Floats) -> Floats:
    """Patterns less their radial background, never below zero.

    patterns : (n, qx, qy), counts.   origins : (n, 2), row and column of the beam in each, pixels.
    A pattern with NaN or infinite pixels comes back as it is: it has no disks.
    """
    data = patterns.astype(np.float64)
    for pattern, rings in zip(data, _grids(patterns.shape[1:], origins), strict=True):
        if np.isfinite(pattern).all():
            np.maximum(pattern - background(pattern, rings), 0, out=pattern)
    return data


def background(pattern: Floats, rings: Rings) -> Floats:
    """The background at each pixel (qx, qy); beyond the last ring it goes on as straight as it came."""
    grid = _smooth(np.reshape(rings.spread @ pattern.ravel(), rings.share.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(rings.empty, np.nan, grid / rings.share)
    mean[:, rings.empty.all(axis=0)] = 0
    profile = gaussian_filter1d(np.nanmedian(mean, axis=0), SMOOTH)
    ring = np.minimum(rings.distance.astype(np.int64), len(profile) - 2)
    return np.asarray(profile[ring] + (rings.distance - ring) * (profile[ring + 1] - profile[ring]))


def polar_grid(shape: tuple[int, ...], origin: Floats) -> Rings:
    """The rings around an origin; the outermost has the radius of a square's corner inside the detector."""
    x, y = np.indices(shape) - origin[:, None, None]
    distance, angle = np.hypot(x, y), np.mod(np.arctan2(y, x), 2 * np.pi) / STEP
    count = int(np.ceil(min(shape) / np.sqrt(2)))
    first_angle, first_ring = np.floor(angle).astype(np.int64), np.floor(distance).astype(np.int64)
    points, pixels, weights = [], [], []
    for next_angle, next_ring in product((0, 1), repeat=2):
        at_angle, at_ring = (first_angle + next_angle) % ANGLES, first_ring + next_ring
        weight = np.abs(1 - next_angle - (angle - first_angle)) * np.abs(1 - next_ring - (distance - first_ring))
        inside = np.flatnonzero(at_ring < count)
        points.append((at_angle * count + at_ring).ravel()[inside])
        pixels.append(inside)
        weights.append(weight.ravel()[inside])
    where = np.concatenate(points), np.concatenate(pixels)
    spread = scipy.sparse.csr_array((np.concatenate(weights), where), shape=(ANGLES * count, distance.size))
    share = _smooth(np.reshape(spread @ np.ones(distance.size), (ANGLES, count)))
    return Rings(distance, spread, share, share / (STEP * (np.arange(count) + 0.5)) < REACHED)


def _grids(shape: tuple[int, ...], origins: Floats) -> Iterator[Rings]:
    """The grid of each origin, made once where it stays."""
    last, rings = None, None
    for origin in origins:
        if rings is None or tuple(origin) != last:
            last, rings = tuple(origin), polar_grid(shape, origin)
        yield rings


def _smooth(grid: Floats) -> Floats:
    """A polar grid (ANGLES, rings), smoothed along the angle by half a pixel where that is more than NARROW."""
    sigma = 0.5 / (STEP * (np.arange(grid.shape[1]) + 0.5))
    smooth = grid.copy()
    for ring in np.flatnonzero(sigma > NARROW):
        smooth[:, ring] = gaussian_filter1d(grid[:, ring], sigma[ring], mode="wrap")
    return smooth
