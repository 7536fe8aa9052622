"""Pictures of disks and maps, as matplotlib figures; a generated scan is called synthetic in every title."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.maps import bragg_vector_map, guess_lattice, lattice_map, strain_map
from dask_hpc.bragg.peaks import Peaks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRAINS = ("e_xx", "e_yy", "e_xy", "rotation")


def draw_pattern(pattern: NDArray[np.generic], peaks: Peaks, position: tuple[int, int], *, radius: float) -> Figure:
    """One diffraction pattern (qx, qy) with a circle of `radius` pixels around each of its disks."""
    from matplotlib.patches import Circle  # noqa: PLC0415  # matplotlib is loaded for pictures only

    figure = _figure(6.4, 5.6)
    axes = figure.subplots()
    counts = pattern.astype(np.float64)
    image = axes.imshow(np.sqrt(np.clip(counts, 0, None)), cmap="gray")
    figure.colorbar(image, cax=_beside(axes), label="square root of counts")
    disks = peaks[position]
    for qx, qy in zip(disks.qx, disks.qy, strict=True):
        axes.add_patch(Circle((qy, qx), radius, fill=False, edgecolor="tab:orange", linewidth=1.2))
    axes.set(xlabel="detector column, qy (px)", ylabel="detector row, qx (px)")
    axes.set_title(_title(peaks, f"{len(disks.qx)} Bragg disks at scan position {position[0]}, {position[1]}"))
    return figure


def draw_vector_map(peaks: Peaks) -> Figure:
    """All disks of the scan on the detector: the Bragg vector map."""
    figure = _figure(6.4, 5.6)
    axes = figure.subplots()
    image = axes.imshow(np.sqrt(bragg_vector_map(peaks)), cmap="magma")
    figure.colorbar(image, cax=_beside(axes), label="square root of summed correlation")
    axes.set(xlabel="detector column, qy (px)", ylabel="detector row, qx (px)")
    axes.set_title(_title(peaks, f"Bragg vector map, {len(peaks)} disks of {len(peaks.offsets) - 1} patterns"))
    return figure


def draw_count_map(peaks: Peaks) -> Figure:
    """Number of disks at each scan position."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # matplotlib is loaded for pictures only

    figure = _figure(6.4, 5.4)
    axes = figure.subplots()
    image = axes.imshow(peaks.counts(), cmap="viridis")
    figure.colorbar(image, cax=_beside(axes), label="disks a pattern", ticks=MaxNLocator(integer=True))
    axes.set(xlabel="scan column", ylabel="scan row")
    axes.set_title(_title(peaks, "Number of Bragg disks"))
    return figure


def draw_strain_map(peaks: Peaks) -> Figure:
    """Strain and rotation at each scan position, against the median lattice. Raises BraggError without a lattice."""
    strain = strain_map(lattice_map(peaks, guess_lattice(peaks)))
    figure = _figure(9.0, 7.6)
    figure.suptitle(_title(peaks, "Lattice strain (x: detector row, y: column)"))
    for axes, name, values in zip(figure.subplots(2, 2).flat, STRAINS, np.moveaxis(strain, -1, 0), strict=True):
        percent = np.rad2deg(values) if name == "rotation" else 100 * values
        # the colours show the bulk of the values; one bad fit must not hide them
        limit = float(np.nanpercentile(np.abs(percent), 99)) if np.isfinite(percent).any() else 1.0
        image = axes.imshow(percent, cmap="RdBu_r", vmin=-limit or -1.0, vmax=limit or 1.0)
        figure.colorbar(image, cax=_beside(axes), label="degrees" if name == "rotation" else "percent")
        axes.set(title=name, xlabel="scan column", ylabel="scan row")
    return figure


def _figure(width: float, height: float) -> Figure:
    """A figure of its own, not known to pyplot: nothing to close, no display needed."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # matplotlib is loaded for pictures only

    return Figure(figsize=(width, height), layout="constrained")


def _beside(axes: Axes) -> Axes:
    """The place of a scale to the right of a picture and as high as it, whatever the picture's shape."""
    return axes.inset_axes((1.04, 0, 0.05, 1))


def _title(peaks: Peaks, words: str) -> str:
    return f"{words}\n(synthetic scan)" if peaks.synthetic else words
