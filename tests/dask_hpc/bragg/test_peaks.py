"""Peaks hold a ragged table that can be read by position, saved and loaded."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dask_hpc.bragg import BraggOptions, Peaks
from dask_hpc.bragg.errors import BadOption, ScanError


@pytest.fixture
def peaks() -> Peaks:
    """Three positions of a 1 x 3 scan with two, no and one disk."""
    return Peaks(
        scan_shape=(1, 3),
        pattern_shape=(10, 12),
        offsets=np.array([0, 2, 2, 3]),
        qx=np.array([1.5, 2.0, 8.0]),
        qy=np.array([3.0, 4.25, 9.0]),
        intensity=np.array([7.0, 5.0, 6.0]),
        provenance={"input": "/data/scan.h5", "options": {"corrPower": 0.8}, "synthetic": True},
    )


def test_disks_are_read_by_scan_position(peaks) -> None:
    """Row and column of the scan give that pattern's disks; negative ones count from the end."""
    assert [1.5, 2.0] == peaks[0, 0].qx.tolist()
    assert [] == peaks[0, 1].qx.tolist()
    assert [9.0] == peaks[0, -1].qy.tolist()
    assert [[2, 0, 1]] == peaks.counts().tolist()
    assert [0, 0, 2] == peaks.pattern_of_disk().tolist()


def test_a_position_outside_the_scan_is_an_error(peaks) -> None:
    """No wrap-around: the message names the position and the scan."""
    with pytest.raises(IndexError, match=r"position \(1, 0\) lies outside the scan of 1 x 3"):
        peaks[1, 0]


def test_saved_peaks_come_back_whole(peaks, tmp_path) -> None:
    """Every array, both shapes and the provenance survive a file."""
    peaks.save(tmp_path / "disks.npz")

    back = Peaks.load(tmp_path / "disks.npz")

    for name in ("offsets", "qx", "qy", "intensity"):
        np.testing.assert_array_equal(getattr(peaks, name), getattr(back, name))
    assert (peaks.scan_shape, peaks.pattern_shape, peaks.provenance) == (
        back.scan_shape, back.pattern_shape, back.provenance
    )  # fmt: skip
    assert BraggOptions(corrPower=0.8) == back.options
    assert back.synthetic


def test_a_file_that_holds_no_peaks_is_named(tmp_path) -> None:
    """Loading something else says which file and what it should be."""
    (tmp_path / "disks.npz").write_bytes(b"not an archive")

    with pytest.raises(ScanError, match=r"disks.npz holds no peaks; it must be a file that Peaks.save wrote"):
        Peaks.load(tmp_path / "disks.npz")


def test_arrays_that_do_not_belong_together_are_refused(peaks) -> None:
    """Incomplete tiles never pass for a result."""
    with pytest.raises(ScanError, match="do not make a scan of 1 x 3"):
        Peaks((1, 3), (10, 12), peaks.offsets, peaks.qx[:2], peaks.qy, peaks.intensity)


def test_peaks_found_through_a_filter_do_not_pretend_to_know_it(peaks) -> None:
    """Only its text is kept; the message says where."""
    through = dataclasses.replace(peaks, provenance={"options": {"filter_function": "numpy.sqrt"}})

    with pytest.raises(BadOption, match=r"only the text is kept, in provenance\['options'\]"):
        _ = through.options


def test_peaks_without_options_say_so(peaks) -> None:
    """Peaks from elsewhere have no options to show."""
    with pytest.raises(BadOption, match="do not say with which options"):
        _ = Peaks((1, 3), (10, 12), peaks.offsets, peaks.qx, peaks.qy, peaks.intensity).options
