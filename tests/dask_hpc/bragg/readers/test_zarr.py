"""Zarr folders give whole patterns by scan order, lazily; what is no scan is named with the remedy."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
import zarr

from dask_hpc.bragg import open_scan
from dask_hpc.bragg.errors import ScanError, TruncatedScan

PATTERNS = np.arange(3 * 4 * 5 * 6, dtype=np.uint16).reshape(3, 4, 5, 6)


def write(place, name=None, values=PATTERNS, chunks=(1, 4, 5, 6), **how):
    """An array of a folder; without a name the folder is the array."""
    zarr.create_array(place, name=name, data=values, chunks=chunks, **how)
    return place


@pytest.mark.parametrize("how", [{}, {"compressors": None}, {"shards": (3, 4, 5, 6)}, {"chunks": (2, 3, 4, 4)}])
def test_any_run_of_patterns_is_read(tmp_path, how) -> None:
    """Across the ends of scan rows and of chunks, in shards too; the record travels, never the patterns."""
    scan = pickle.loads(pickle.dumps(open_scan(write(tmp_path / "scan.zarr", **how))))
    flat = PATTERNS.reshape(-1, 5, 6)

    assert ((3, 4, 5, 6), np.dtype("u2")) == (scan.shape, scan.dtype)
    for start in range(12):
        for stop in range(start + 1, 13):
            np.testing.assert_array_equal(flat[start:stop], scan.read(start, stop))


def test_the_only_four_dimensional_array_of_a_group_is_the_scan(tmp_path) -> None:
    """Others are named by `dataset`; the byte order becomes this machine's."""
    place = tmp_path / "night.zarr"
    write(place, "entry/patterns", PATTERNS.astype(">u2"))
    write(place, "entry/dark", PATTERNS[0, 0], (5, 6))
    scan = open_scan(place)

    assert np.dtype("=u2") == scan.dtype == scan.read(0, 1).dtype
    np.testing.assert_array_equal(PATTERNS[2], scan.read(8, 12))
    write(place, "second")
    with pytest.raises(ScanError, match=r"entry/dark, entry/patterns, second; name the right one"):
        open_scan(place)
    np.testing.assert_array_equal(PATTERNS[0], open_scan(place, dataset="second").read(0, 4))
    with pytest.raises(ScanError, match="name the right one"):
        open_scan(place, dataset="third")


def test_a_damaged_chunk_is_named(tmp_path) -> None:
    """The folder and the patterns are in the message."""
    place = write(tmp_path / "scan.zarr")
    scan = open_scan(place)
    chunk = place / "c" / "1" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:9])

    np.testing.assert_array_equal(PATTERNS[0], scan.read(0, 4))
    with pytest.raises(TruncatedScan, match=r"patterns 2 to 6 of .*scan.zarr cannot be read"):
        scan.read(2, 6)


def test_what_is_no_scan_is_refused(tmp_path) -> None:
    """An empty folder, and metadata that is none."""
    with pytest.raises(ScanError, match=r"is a folder without zarr.json"):
        open_scan(tmp_path)
    place = write(tmp_path / "scan.zarr")
    (place / "zarr.json").write_text("{")
    with pytest.raises(ScanError, match="cannot be opened as Zarr, format 3"):
        open_scan(place)
    shutil.rmtree(place)
    with pytest.raises(ScanError, match="there is no scan at"):
        open_scan(place)


def test_advice_is_given_on_chunks_that_cut_patterns(tmp_path) -> None:
    """In words, with the remedy; well-stored arrays get none."""
    assert "store whole patterns a chunk" in open_scan(write(tmp_path / "cut.zarr", chunks=(3, 4, 2, 6))).advice
    assert "" == open_scan(write(tmp_path / "whole.zarr")).advice
