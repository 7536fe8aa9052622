"""Every format gives whole patterns by scan order, lazily; what is no scan is named with the remedy."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

from dask_hpc.bragg import open_scan
from dask_hpc.bragg.errors import ReaderMissing, ScanError, TruncatedScan
from dask_hpc.bragg.readers import as_scan

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def patterns() -> np.ndarray:
    """A scan of 3 x 4 small patterns, each pixel with a value of its own."""
    return np.arange(3 * 4 * 5 * 6, dtype=np.uint16).reshape(3, 4, 5, 6)


def write(path: Path, **datasets: np.ndarray) -> Path:
    """An HDF5 file with these datasets; two underscores are a slash."""
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name.replace("__", "/")] = values
    return path


def test_the_only_four_dimensional_dataset_is_the_scan(tmp_path, patterns) -> None:
    """Other datasets do not disturb; a run of patterns may cross the ends of scan rows."""
    scan = open_scan(write(tmp_path / "scan.h5", entry__patterns=patterns, entry__dark=patterns[0, 0]))

    assert (3, 4, 5, 6) == scan.shape
    np.testing.assert_array_equal(patterns.reshape(-1, 5, 6)[2:11], scan.read(2, 11))
    assert not scan.synthetic


def test_a_datacube_that_py4dstem_wrote_is_read() -> None:
    """EMD 1.0 as py4DSTEM 0.14.18 saves it."""
    scan = open_scan(DATA / "py4dstem-0.14.18-datacube.h5")

    expected = np.random.default_rng(1).poisson(5, (2, 3, 16, 20))
    assert (2, 3, 16, 20) == scan.shape
    np.testing.assert_array_equal(expected.reshape(-1, 16, 20), scan.read(0, 6))


def test_merlin_files_lose_their_colour_axis_and_byte_order(tmp_path, patterns) -> None:
    """The layout of Merlin's HDF5: five axes, one colour, big endian."""
    stored = patterns[:, :, None].astype(">u2")
    scan = open_scan(write(tmp_path / "merlin.hdf5", fpd_expt__fpd_data__data=stored, other=patterns))

    assert np.dtype("=u2") == scan.dtype == scan.read(0, 1).dtype
    np.testing.assert_array_equal(patterns.reshape(-1, 5, 6)[3:6], scan.read(3, 6))


def test_a_scan_travels_as_a_small_record(tmp_path, patterns) -> None:
    """What is pickled for a worker is the path and the shape, not the patterns."""
    scan = open_scan(write(tmp_path / "scan.h5", data=patterns))

    parcel = pickle.dumps(scan)

    assert len(parcel) < 1000
    np.testing.assert_array_equal(scan.read(5, 7), pickle.loads(parcel).read(5, 7))


def test_several_scans_in_a_file_need_a_name(tmp_path, patterns) -> None:
    """The message lists them; the name given is taken."""
    file = write(tmp_path / "scan.h5", first=patterns, second=patterns + 1)

    with pytest.raises(ScanError, match=r"has 2 \(found: first, second\); name the right one"):
        open_scan(file)
    assert 1 == open_scan(file, dataset="second").read(0, 1)[0, 0, 0]
    with pytest.raises(ScanError, match="holds no dataset third; it holds first, second"):
        open_scan(file, dataset="third")


def test_a_file_without_a_scan_lists_what_it_holds(tmp_path, patterns) -> None:
    """An image is no scan."""
    with pytest.raises(ScanError, match=r"must hold one four-dimensional dataset and has 0 \(found: image\)"):
        open_scan(write(tmp_path / "image.h5", image=patterns[0, 0]))


def test_complex_pixels_are_refused(tmp_path, patterns) -> None:
    """Only real numbers are counts."""
    with pytest.raises(ScanError, match="complex"):
        open_scan(write(tmp_path / "wave.h5", wave=patterns.astype(complex)))


def test_a_missing_file_and_an_unknown_format_are_named(tmp_path) -> None:
    """Each message names the file."""
    (tmp_path / "scan.xyz").touch()

    with pytest.raises(ScanError, match=r"there is no scan at .*/none.h5; check the path as the workers see it"):
        open_scan(tmp_path / "none.h5")
    with pytest.raises(ScanError, match=r"scan.xyz is of no format known here"):
        open_scan(tmp_path / "scan.xyz")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_hdf5_file_is_called_truncated_or_unreadable(tmp_path, patterns, share) -> None:
    """Never an empty or a shorter scan."""
    whole = write(tmp_path / "whole.h5", data=np.tile(patterns, (1, 1, 8, 8))).read_bytes()
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(ScanError, match=r"cut.h5 cannot be opened as HDF5"):
        open_scan(cut)


def test_damage_inside_a_file_is_an_error_of_the_tile(tmp_path, patterns) -> None:
    """A chunk that cannot be decompressed names the patterns that it holds."""
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=patterns, chunks=(1, 1, 5, 6), compression="gzip")
        where = data.id.get_chunk_info(6)
    raw = bytearray(path.read_bytes())
    raw[where.byte_offset : where.byte_offset + where.size] = bytes(where.size)
    path.write_bytes(raw)

    with pytest.raises(TruncatedScan, match=r"patterns 4 to 8 of .*scan.h5 cannot be read"):
        open_scan(path).read(4, 8)


@pytest.mark.parametrize(
    ("chunks", "compression", "words"),
    [((1, 1, 5, 3), None, "cut patterns"), ((1, 2, 5, 6), "gzip", "gzip is slower"), ((1, 2, 5, 6), None, "")],
)
def test_advice_names_what_makes_reading_slow(tmp_path, patterns, chunks, compression, words) -> None:
    """Chunks that cut patterns, and gzip."""
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_dataset("data", data=patterns, chunks=chunks, compression=compression)

    advice = open_scan(tmp_path / "scan.h5").advice

    assert words in advice
    assert bool(words) == bool(advice)


def test_bitshuffle_lz4_is_read(tmp_path, patterns) -> None:
    """The compression that fast detectors write."""
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file.create_dataset("data", data=patterns, chunks=(1, 4, 5, 6), **hdf5plugin.Bitshuffle(cname="lz4"))

    np.testing.assert_array_equal(patterns.reshape(-1, 5, 6)[3:9], open_scan(tmp_path / "scan.h5").read(3, 9))


@pytest.mark.real_data
def test_the_real_blockfile_is_read_by_whole_patterns(real_data: Path) -> None:
    """The NanoMegas file's patterns stand after a header of 4112 bytes, 6 bytes before each."""
    path = real_data / "sped-2x3x144.blo"
    raw = np.frombuffer(path.read_bytes()[4112:], np.uint8).reshape(6, 6 + 144 * 144)[:, 6:].reshape(6, 144, 144)

    scan = open_scan(path)

    assert 6 == scan.shape[0] * scan.shape[1]
    np.testing.assert_array_equal(raw[1:5], scan.read(1, 5))


@pytest.mark.real_data
def test_a_cut_blockfile_is_called_truncated(real_data: Path, tmp_path) -> None:
    """The header's promise is compared with the file's size."""
    (tmp_path / "cut.blo").write_bytes((real_data / "sped-2x3x144.blo").read_bytes()[:100_000])

    with pytest.raises(TruncatedScan, match=r"cut.blo has 100000 bytes; its header promises .* 128564 bytes"):
        open_scan(tmp_path / "cut.blo")


def test_a_file_that_is_no_blockfile_is_refused(tmp_path) -> None:
    """A wrong file under the right name."""
    (tmp_path / "scan.blo").write_bytes(b"not a blockfile" * 1000)

    with pytest.raises(ScanError, match="is no NanoMegas blockfile: it does not start with IMGBLO"):
        open_scan(tmp_path / "scan.blo")


def test_a_missing_reader_names_the_extra_to_install(tmp_path) -> None:
    """Without rosettasciio a blockfile says how to get it, and everything else works."""
    header = struct.pack("<6sH3I4H", b"IMGBLO", 258, 40, 40, 0, 2, 0, 1, 1)
    (tmp_path / "scan.blo").write_bytes(header.ljust(40 + 6 + 4, b"\0"))
    code = (
        "import sys; sys.modules['rsciio'] = None\n"
        "from dask_hpc.bragg import open_scan\n"
        f"open_scan({str(tmp_path / 'scan.blo')!r})\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ReaderMissing.__name__ in done.stderr
    assert "pip install 'beamside[readers]'" in done.stderr


def test_an_array_is_a_scan_and_an_image_is_none(patterns) -> None:
    """Arrays in memory are taken as they are; the shape is checked."""
    np.testing.assert_array_equal(patterns[1, 1], as_scan(patterns).read(5, 6)[0])
    with pytest.raises(ScanError, match=r"the array has shape \(4, 5, 6\); a scan has four"):
        as_scan(patterns[0])
    with pytest.raises(ScanError, match="the array holds object"):
        as_scan(np.full((1, 1, 2, 2), None))
