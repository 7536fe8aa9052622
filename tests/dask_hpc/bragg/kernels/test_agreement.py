"""Both tiers find what py4DSTEM finds, on committed references and against a plain oracle on fresh patterns."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dask_hpc.bragg import BraggOptions, open_scan, synthetic_kernel
from dask_hpc.bragg.kernels import DTYPE, Precision, Tier, finder, make_plan
from dask_hpc.bragg.kernels.plan import Found
from dask_hpc.bragg.options import OptionValue
from dask_hpc.bragg.synthetic import Sample, generate

TIERS = pytest.mark.parametrize("tier", ["numpy", "numba"])


def found_by(
    tier: Tier,
    patterns: NDArray[np.generic],
    kernel: NDArray[np.float64],
    options: dict[str, OptionValue],
    precision: Precision = "double",
) -> Found:
    """Disks of a stack of patterns."""
    plan = make_plan(kernel, BraggOptions.from_keywords(**options), DTYPE[precision])
    return finder(tier)(patterns, plan)


@TIERS
def test_generated_patterns_give_py4dstems_peaks(tier, generated_case) -> None:
    """Every peak lies within 1e-8 px of py4DSTEM's, in its order; none is missing, none is extra."""
    patterns = generated_case.patterns.reshape(-1, *generated_case.patterns.shape[2:])

    found = found_by(tier, patterns, generated_case.kernel(patterns.shape[1:]), generated_case.options)

    assert np.diff(generated_case.offsets).tolist() == found.counts.tolist()
    assert np.abs(found.peaks - generated_case.peaks)[:, :2].max() < 1e-8
    np.testing.assert_allclose(found.peaks[:, 2], generated_case.peaks[:, 2], rtol=1e-9)


@pytest.mark.real_data
@TIERS
def test_real_scans_give_py4dstems_peaks(tier, real_case, real_data: Path) -> None:
    """On measured scans too: within 1e-8 px, none missing, none extra."""
    path = next(real_data.glob(f"{real_case.name.removeprefix('real-')}.*"))
    assert real_case.sha256 == hashlib.sha256(path.read_bytes()).hexdigest(), "not the file the reference was made of"
    scan = open_scan(path)

    patterns = scan.read(0, scan.shape[0] * scan.shape[1])
    found = found_by(tier, patterns, real_case.kernel(scan.shape[2:]), real_case.options)

    assert np.diff(real_case.offsets).tolist() == found.counts.tolist()
    assert np.abs(found.peaks - real_case.peaks)[:, :2].max() < 1e-8


@TIERS
def test_single_precision_moves_disks_by_little(tier, plain_case) -> None:
    """In single precision all but 1 % of the disks stay within 1e-3 px, and the number of disks is the same."""
    patterns = plain_case.patterns.reshape(-1, *plain_case.patterns.shape[2:])

    found = found_by(tier, patterns, plain_case.kernel(patterns.shape[1:]), plain_case.options, "single")

    assert np.diff(plain_case.offsets).tolist() == found.counts.tolist()
    distance = np.hypot(*(found.peaks - plain_case.peaks)[:, :2].T)
    assert np.percentile(distance, 99) < 1e-3


@TIERS
@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("detector", [(64, 64), (65, 64), (63, 71)])
def test_fresh_patterns_give_the_oracles_disks(tier, seed, detector, oracle) -> None:
    """What the definition gives on patterns never seen before, for even and odd detectors."""
    patterns, _ = generate(Sample(scan=(1, 2), detector=detector, radius=3, spacing=13, dose=5000, seed=seed))
    options = {"edgeBoundary": 5, "minPeakSpacing": 7, "corrPower": 0.7, "upsample_factor": 16, "sigma_dp": 0.8}
    kernel = synthetic_kernel(3, detector)
    expected = [oracle(pattern, kernel, BraggOptions.from_keywords(**options)) for pattern in patterns[0]]

    found = found_by(tier, patterns[0], kernel, options)

    assert [len(peaks) for peaks in expected] == found.counts.tolist()
    assert np.abs(found.peaks - np.concatenate(expected))[:, :2].max() < 1e-8


@TIERS
@pytest.mark.parametrize("bad", ["blank", "not a number", "saturated"])
def test_patterns_without_disks_are_harmless(tier, bad) -> None:
    """Blank, NaN and evenly saturated patterns have no disks, and their neighbours keep theirs."""
    patterns, _ = generate(Sample(scan=(1, 3), detector=(64, 64)))
    stack = patterns[0].astype(np.float64)
    stack[1] = {"blank": 0, "not a number": np.nan, "saturated": 65535}[bad]
    options = {"edgeBoundary": 5, "minPeakSpacing": 7}
    kernel = synthetic_kernel(4, (64, 64))

    counts = found_by(tier, stack, kernel, options).counts

    assert counts[1] == 0 if bad != "saturated" else counts[1] >= 0
    assert found_by(tier, stack[[0, 2]], kernel, options).counts.tolist() == counts[[0, 2]].tolist()


@TIERS
@pytest.mark.parametrize("dtype", [">u2", "u1", "i4", "f4"])
def test_any_pixel_type_gives_the_same_disks(tier, dtype) -> None:
    """Counts are counts, however a detector stores them."""
    patterns, _ = generate(Sample(scan=(1, 2), detector=(64, 64), dose=20_000))
    options = {"edgeBoundary": 5, "minPeakSpacing": 7}
    kernel = synthetic_kernel(4, (64, 64))
    clipped = np.minimum(patterns[0], 255)

    found = found_by(tier, clipped.astype(dtype), kernel, options)

    np.testing.assert_array_equal(found.peaks, found_by(tier, clipped, kernel, options).peaks)


def test_an_edge_that_leaves_nothing_is_refused() -> None:
    """An edgeBoundary of half the detector is named, with the detector's size."""
    with pytest.raises(ValueError, match="edgeBoundary 32 leaves nothing of patterns of 64 x 64"):
        make_plan(synthetic_kernel(4, (64, 64)), BraggOptions(edgeBoundary=32), DTYPE["double"])
