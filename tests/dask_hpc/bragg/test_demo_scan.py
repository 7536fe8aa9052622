"""The generated scan is reproducible, says that it is synthetic, and knows where its disks are."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from dask_hpc.bragg import errors_against, find_bragg_disks, open_scan, read_truth, write_demo_scan
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.errors import ScanError
from dask_hpc.bragg.maps import guess_lattice, lattice_map, strain_map
from dask_hpc.bragg.synthetic import Sample, generate

SAMPLE = Sample(scan=(6, 7), detector=(96, 96))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A small generated scan on disk."""
    return write_demo_scan(tmp_path_factory.mktemp("scan") / "demo.h5", SAMPLE)


def test_the_same_seed_makes_the_same_scan(path) -> None:
    """Patterns on disk are those that the generator makes again; another seed makes others."""
    scan = open_scan(path)

    again, _ = generate(SAMPLE)
    other, _ = generate(Sample(scan=(6, 7), detector=(96, 96), seed=7))

    np.testing.assert_array_equal(again.reshape(-1, 96, 96), scan.read(0, 42))
    assert not np.array_equal(other, again)


def test_a_generated_scan_says_that_it_is_synthetic(path) -> None:
    """From the file through the scan to the peaks."""
    scan = open_scan(path)

    assert scan.synthetic
    assert find_bragg_disks(scan, demo_kernel(SAMPLE), **demo_options(SAMPLE)).synthetic
    assert "" == scan.advice


def test_disks_lie_where_the_truth_says(path) -> None:
    """Nothing missing, hardly anything extra, and the error near what counting statistics allow."""
    peaks = find_bragg_disks(path, demo_kernel(SAMPLE), **demo_options(SAMPLE))

    errors = errors_against(read_truth(path), peaks)

    assert 0 == errors.missing
    assert errors.extra <= 0.001 * errors.disks
    assert errors.rms_px < 0.15


def test_shifted_disks_are_measured_as_wrong(path) -> None:
    """The report is no formality: disks moved by a third of a pixel show it, disks taken away are missing."""
    peaks = find_bragg_disks(path, demo_kernel(SAMPLE), **demo_options(SAMPLE))
    peaks.qx[:] += 1 / 3
    peaks.qy[: peaks.offsets[1]] = -50

    errors = errors_against(read_truth(path), peaks)

    assert errors.rms_px > 0.3
    assert errors.missing >= 0.9 * peaks.offsets[1]
    assert peaks.offsets[1] == errors.extra


def test_the_strain_that_was_put_in_comes_out(path) -> None:
    """Every component, with its sign, to a tenth of a percent, against the median of the scan."""
    peaks = find_bragg_disks(path, demo_kernel(SAMPLE), **demo_options(SAMPLE))
    truth = read_truth(path).strain

    strain = strain_map(lattice_map(peaks, guess_lattice(peaks)))

    error = strain - (truth - np.median(truth, axis=(0, 1)))
    assert np.isfinite(strain).all()
    assert np.sqrt((error**2).mean()) < 1e-3 < np.ptp(truth[..., 0])


def test_a_scan_without_truth_is_named(tmp_path) -> None:
    """No error is reported against nothing."""
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        file["data"] = np.zeros((1, 1, 4, 4))

    with pytest.raises(ScanError, match="holds no truth"):
        read_truth(tmp_path / "scan.h5")


def test_a_broken_write_leaves_no_file(tmp_path) -> None:
    """What cannot take its name at the end is cleared away."""
    (tmp_path / "demo.h5" / "inside").mkdir(parents=True)

    with pytest.raises(OSError, match=r"demo\.h5"):
        write_demo_scan(tmp_path / "demo.h5", Sample(scan=(1, 1), detector=(32, 32), spacing=11))

    assert [tmp_path / "demo.h5"] == list(tmp_path.iterdir())
