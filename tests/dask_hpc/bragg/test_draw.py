"""Pictures show what was found, and call a generated scan synthetic."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dask_hpc.bragg import (
    Peaks,
    draw_count_map,
    draw_pattern,
    draw_strain_map,
    draw_vector_map,
    find_bragg_disks,
)
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.errors import BraggError
from dask_hpc.bragg.maps import bragg_vector_map, guess_lattice


@pytest.fixture(scope="module")
def peaks(small) -> Peaks:
    """Disks of a small scan, not marked as synthetic."""
    patterns, _, sample = small
    return find_bragg_disks(patterns, demo_kernel(sample), **demo_options(sample))


def words(figure) -> str:
    """Every title of a figure."""
    titles = [axes.get_title() for axes in figure.axes]
    return " ".join([figure.get_suptitle(), *titles])


@pytest.mark.parametrize("draw", [draw_count_map, draw_vector_map, draw_strain_map])
def test_maps_of_a_generated_scan_are_called_synthetic(draw, peaks) -> None:
    """The word stands in the picture; a measured scan's picture does not have it."""
    generated = dataclasses.replace(peaks, provenance={**peaks.provenance, "synthetic": True})

    assert "synthetic" in words(draw(generated))
    assert "synthetic" not in words(draw(peaks))


@pytest.mark.parametrize("draw", [draw_count_map, draw_vector_map, draw_strain_map])
def test_a_scale_is_as_high_as_its_picture(draw, peaks) -> None:
    """Side by side they are read against each other."""
    figure = draw(peaks)
    figure.draw_without_rendering()

    pictures = [axes for axes in figure.axes if axes.images]
    assert pictures
    for picture in pictures:
        (scale,) = picture.child_axes
        assert picture.get_window_extent().height == pytest.approx(scale.get_window_extent().height, abs=1)


def test_disks_are_counted_in_whole_numbers(peaks) -> None:
    """No mark of the scale stands between two counts."""
    (picture,) = draw_count_map(peaks).axes

    assert all(float(mark).is_integer() for mark in picture.child_axes[0].get_yticks())


def test_a_pattern_is_drawn_with_a_circle_around_each_disk(small, peaks, tmp_path) -> None:
    """Circles stand at column qy and row qx; the figure can be written without a display."""
    figure = draw_pattern(small[0][1, 2], peaks, (1, 2), radius=4)

    circles = figure.axes[0].patches
    disks = peaks[1, 2]
    assert list(zip(disks.qy, disks.qx, strict=True)) == [circle.center for circle in circles]
    figure.savefig(tmp_path / "pattern.png")
    assert (tmp_path / "pattern.png").stat().st_size > 10_000


def test_the_vector_map_keeps_all_intensity(peaks) -> None:
    """Every disk falls into one pixel."""
    assert bragg_vector_map(peaks).sum() == pytest.approx(peaks.intensity.sum())


def test_too_few_disks_form_no_lattice(peaks) -> None:
    """The message says how many there are."""
    none = dataclasses.replace(
        peaks, offsets=np.zeros_like(peaks.offsets), qx=np.empty(0), qy=np.empty(0), intensity=np.empty(0)
    )

    with pytest.raises(BraggError, match="0 disks in 12 patterns form no lattice"):
        guess_lattice(none)
