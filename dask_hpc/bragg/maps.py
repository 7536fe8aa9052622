"""Maps made from the disks of a scan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dask_hpc.bragg.errors import BraggError
from dask_hpc.bragg.peaks import Peaks

Floats = NDArray[np.float64]
Vectors = tuple[tuple[float, float], tuple[float, float]]
ON_NODE = 0.25  # lattice units: a disk farther from the nearest node belongs to no node
FEWEST = 4  # disks a lattice is fitted to
LOOKED_AT = 4000  # differences of disks that a lattice is guessed from


def bragg_vector_map(peaks: Peaks) -> Floats:
    """Correlation intensity of all disks of the scan summed on the detector: (qx, qy)."""
    image = np.zeros(peaks.pattern_shape)
    rows = np.clip(np.round(peaks.qx).astype(np.int64), 0, image.shape[0] - 1)
    columns = np.clip(np.round(peaks.qy).astype(np.int64), 0, image.shape[1] - 1)
    np.add.at(image, (rows, columns), peaks.intensity)
    return image


def guess_lattice(peaks: Peaks) -> Vectors:
    """Two basis vectors of the lattice that most patterns share, pixels (qx, qy).

    They are the shortest two, not collinear, among the differences of neighbouring disks that occur often.
    Raises BraggError where the disks form no lattice.
    """
    differences = [_differences(peaks, pattern) for pattern in range(len(peaks.offsets) - 1)]
    every = np.concatenate([np.empty((0, 2)), *differences])
    every = every[(every[:, 0] > 0) | ((every[:, 0] == 0) & (every[:, 1] > 0))]  # one of each pair of opposites
    if len(every) < FEWEST:
        raise BraggError(f"{len(peaks)} disks in {len(peaks.offsets) - 1} patterns form no lattice; find more of them")
    every = every[:: -(-len(every) // LOOKED_AT)]
    tree = cKDTree(every)
    tolerance = 0.08 * float(np.median(np.hypot(*every.T)))
    support = np.asarray(tree.query_ball_point(every, tolerance, return_length=True))
    often = every[support >= 0.5 * support.max()]
    order = np.argsort(np.hypot(*often.T))
    first = _centre(every, tree, often[order[0]], tolerance)
    for candidate in often[order]:
        sine = abs(first[0] * candidate[1] - first[1] * candidate[0]) / (np.hypot(*first) * np.hypot(*candidate))
        if sine > 0.3:
            return _pair(first), _pair(_centre(every, tree, candidate, tolerance))
    raise BraggError("all disks lie on one line; a lattice needs two directions")


def lattice_map(peaks: Peaks, basis: Vectors) -> Floats:
    """Reciprocal lattice at each scan position by weighted least squares: (rows, columns, 2 vectors, 2 components).

    The intensity of each disk is its weight. NaN where fewer than four disks lie on nodes.
    """
    fitted = np.full((len(peaks.offsets) - 1, 2, 2), np.nan)
    for pattern in range(len(fitted)):
        part = slice(peaks.offsets[pattern], peaks.offsets[pattern + 1])
        fitted[pattern] = _fit(
            np.column_stack([peaks.qx[part], peaks.qy[part]]), peaks.intensity[part], np.array(basis)
        )
    return fitted.reshape(*peaks.scan_shape, 2, 2)


def strain_map(lattice: Floats) -> Floats:
    """Strain e_xx, e_yy, e_xy and rotation (radians) at each scan position: (rows, columns, 4).

    Axes: x is the detector row, y the column. The reference is the median lattice of the scan. With the lattice
    vectors as rows of G, G = G0 (1 + u)^-1, where u is the displacement gradient of real space.
    """
    reference = np.nanmedian(lattice, axis=(0, 1))
    strain = np.full((*lattice.shape[:2], 4), np.nan)
    for position in np.ndindex(lattice.shape[:2]):
        here = lattice[position]
        if np.isfinite(here).all():
            gradient = np.linalg.solve(here, reference) - np.eye(2)
            symmetric, rotation = (gradient[0, 1] + gradient[1, 0]) / 2, (gradient[1, 0] - gradient[0, 1]) / 2
            strain[position] = gradient[0, 0], gradient[1, 1], symmetric, rotation
    return strain


def _differences(peaks: Peaks, pattern: int) -> Floats:
    """Vectors from each disk of one pattern to its four nearest neighbours."""
    part = slice(peaks.offsets[pattern], peaks.offsets[pattern + 1])
    points = np.column_stack([peaks.qx[part], peaks.qy[part]])
    if len(points) < FEWEST:
        return np.empty((0, 2))
    _, near = cKDTree(points).query(points, k=min(5, len(points)))
    return np.asarray((points[near[:, 1:]] - points[:, None, :]).reshape(-1, 2))


def _centre(vectors: Floats, tree: cKDTree, around: Floats, tolerance: float) -> Floats:
    """Mean of the vectors close to one."""
    return np.asarray(vectors[tree.query_ball_point(around, tolerance)].mean(axis=0))


def _fit(points: Floats, weight: NDArray[np.floating], basis: Floats) -> Floats:
    """Lattice vectors of one pattern; the node indices come from the basis and the brightest disk."""
    if len(points) < FEWEST:
        return np.full((2, 2), np.nan)
    fitted = basis
    for _ in range(2):  # the second pass indexes far disks by the fitted lattice instead of the basis
        indices = (points - points[0]) @ np.linalg.inv(fitted)
        nodes = np.round(indices)
        good = np.abs(indices - nodes).max(axis=1) < ON_NODE
        if good.sum() < FEWEST or np.linalg.matrix_rank(nodes[good]) < 2:
            return np.full((2, 2), np.nan)
        root = np.sqrt(weight[good])[:, None]
        design = np.column_stack([np.ones(good.sum()), nodes[good]])
        solution, *_ = np.linalg.lstsq(design * root, points[good] * root, rcond=None)
        fitted = solution[1:]
    return np.asarray(fitted)


def _pair(vector: Floats) -> tuple[float, float]:
    return float(vector[0]), float(vector[1])
