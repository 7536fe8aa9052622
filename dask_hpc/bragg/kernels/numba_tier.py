"""Disk finding compiled by numba, with the FFTs of rocket-fft: one pattern at a time, in buffers that stay in cache.

The same steps in the same order as numpy_tier, to rounding. The compiled half releases the GIL, so that threads are as
good as processes, and numba keeps its machine code on disk.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.kernels.compiled import MULTICORR, PIXEL, POLY, WIDE, find_batch
from dask_hpc.bragg.kernels.finegrid import FineAxis
from dask_hpc.bragg.kernels.plan import Found, Plan

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

MODE = {"none": PIXEL, "pixel": PIXEL, "poly": POLY, "multicorr": MULTICORR}
UNLIMITED = 2**62


class Numbers(NamedTuple):
    """The options as numbers."""

    mode: int
    power: float
    least: float
    relative: float
    reference: int
    spacing: float
    edge: int
    most: int
    factor: int
    corner: bool
    """Whether both axes are even, so that multicorr has a corner frequency."""


class Axis(NamedTuple):
    """finegrid.FineAxis as arrays that numba takes; empty where multicorr is not asked for."""

    fine: int
    weights: Floats
    start: Ints
    phase: Ints
    taps: Floats
    """(phases, panels, reach, WIDE): filled up with zeros."""
    position: Floats
    sine: Floats


class Tables(NamedTuple):
    """The arrays of a plan."""

    kernel_parts: Floats
    """Real and imaginary parts in turn."""
    blur_dp: Floats
    blur_cc: Floats
    rows: Axis
    columns: Axis


class Work(NamedTuple):
    """Buffers of one call; all are overwritten for every pattern, and some share memory."""

    batch: Floats
    """Patterns that were cast; the compiled half is given them apart, for the last are fewer."""
    data: Floats
    smooth: Floats
    row: Floats
    spectrum: NDArray[np.complexfloating]
    parts: Floats
    """The memory of `spectrum` as real numbers."""
    columns: NDArray[np.complexfloating]
    fine_columns: NDArray[np.complexfloating]
    fine: Floats
    x: Ints
    y: Ints
    height: Floats
    order: Ints
    found: Floats


BATCH_BYTES = 1 << 20  # of patterns cast at a time


def find(patterns: NDArray[np.generic], plan: Plan) -> Found:
    """Bragg disks of each of n patterns (n, qx, qy); see numpy_tier.find."""
    tables, numbers, work = _tables(plan), _numbers(plan), _work(plan)
    counts = np.zeros(len(patterns), dtype=np.int64)
    batch = len(work.batch)
    tabled = [np.empty((0, 3), plan.dtype)]
    for start in range(0, len(patterns), batch):
        # cast here: one machine code serves all pixel types, and the batch is still in cache when it is read
        data = work.batch[: len(patterns) - start]
        np.copyto(data, patterns[start : start + batch], casting="unsafe")
        disks = find_batch(data, tables, numbers, work, counts[start : start + batch])
        tabled.append(work.found[:disks].copy())
    return Found(counts, np.concatenate(tabled))


def _numbers(plan: Plan) -> Numbers:
    settings = plan.settings
    return Numbers(
        mode=MODE[settings.subpixel],
        power=settings.corrPower,
        least=settings.minAbsoluteIntensity,
        relative=settings.minRelativeIntensity,
        reference=settings.relativeToPeak,
        spacing=settings.minPeakSpacing,
        edge=max(settings.edgeBoundary, 1),
        most=UNLIMITED if settings.maxNumPeaks is None else settings.maxNumPeaks,
        factor=settings.upsample_factor,
        corner=plan.shape[0] % 2 == 0 and plan.shape[1] % 2 == 0,
    )


def _tables(plan: Plan) -> Tables:
    none = np.empty(0, plan.dtype)
    empty = Axis(
        1, none, np.empty(0, np.int64), np.empty(0, np.int64), none.reshape(0, 1, 1, 1), np.empty(0), none.reshape(0, 1)
    )
    rows, columns = (_axis(axis) for axis in plan.fine) if plan.fine else (empty, empty)
    return Tables(plan.kernel_ft.reshape(-1).view(plan.dtype), plan.blur_dp, plan.blur_cc, rows, columns)


def _work(plan: Plan) -> Work:
    rows, columns = plan.shape
    spectrum = np.empty_like(plan.kernel_ft)
    fine = (plan.fine[0].fine, plan.fine[1].fine) if plan.fine else (0, 0)
    most = (rows // 2 + 1) * (columns // 2 + 1)  # no two maxima are neighbours
    # the first transform back is over before the fine one begins: both use the same memory, which stays in cache
    fine_columns = np.zeros_like(spectrum, shape=(max(fine[0], rows), spectrum.shape[1]))
    memory = np.empty(max(fine[0] * fine[1], rows * columns), plan.dtype)
    data = memory[: rows * columns].reshape(plan.shape)
    batch = max(1, BATCH_BYTES // data.nbytes)
    return Work(
        batch=np.empty((batch, rows, columns), plan.dtype),
        data=data,
        smooth=np.empty_like(data),
        row=np.empty(columns + 2 * max(plan.blur_cc.size, plan.blur_dp.size), plan.dtype),
        spectrum=spectrum,
        parts=spectrum.reshape(-1).view(plan.dtype),
        columns=fine_columns[:rows],
        fine_columns=fine_columns[: fine[0]],
        fine=memory[: fine[0] * fine[1]].reshape(fine),
        x=np.empty(most, np.int64),
        y=np.empty(most, np.int64),
        height=np.empty(most, plan.dtype),
        order=np.empty(most, np.int64),
        found=np.empty((batch * min(plan.settings.maxNumPeaks or most, most), 3), plan.dtype),
    )


def _axis(axis: FineAxis) -> Axis:
    phases, grid, reach = axis.taps.shape
    panels = -(-grid // WIDE)
    taps = np.zeros((phases, panels * WIDE, reach), axis.taps.dtype)
    taps[:, :grid] = axis.taps
    taps = np.ascontiguousarray(taps.reshape(phases, panels, WIDE, reach).transpose(0, 1, 3, 2))
    return Axis(axis.fine, axis.weights, axis.start, axis.phase, taps, axis.position, axis.sine)
