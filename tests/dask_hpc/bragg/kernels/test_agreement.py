"""Both tiers find what py4DSTEM finds, on committed references and against a plain oracle on fresh patterns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import KDTree

from dask_hpc.bragg import BraggOptions, open_scan, synthetic_kernel
from dask_hpc.bragg.kernels import DTYPE, Precision, Tier, finder, make_plan
from dask_hpc.bragg.kernels.plan import Found
from dask_hpc.bragg.options import OptionValue
from dask_hpc.bragg.synthetic import Sample, generate

if TYPE_CHECKING:
    from tests.dask_hpc.bragg.conftest import Case, Disturb, Oracle

DATA = Path(__file__).parents[1] / "data"
Peaks3 = NDArray[np.float64]
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
def test_single_precision_moves_disks_by_little(tier, generated_set, oracle) -> None:
    """On every data set 99 % of all disks stay within 1e-3 px; none is missing or extra but by a margin of rounding."""
    patterns = generated_set[0].patterns.reshape(-1, *generated_set[0].patterns.shape[2:])

    agree_in_single_precision(tier, generated_set, patterns, oracle)


@pytest.mark.real_data
@TIERS
def test_single_precision_holds_on_real_scans(tier, real_set, real_data: Path, oracle) -> None:
    """So they do on measured scans."""
    scan = open_scan(next(real_data.glob(f"{real_set[0].name.removeprefix('real-')}.*")))

    agree_in_single_precision(tier, real_set, scan.read(0, scan.shape[0] * scan.shape[1]), oracle)


def agree_in_single_precision(tier: Tier, data_set: list[Case], patterns: NDArray[np.generic], oracle: Oracle) -> None:
    """Compare all disks of all option sets; those that hang on a margin are listed and counted, none is left out."""
    distances, listed, total = [], [], 0
    for case in data_set:
        kernel = case.kernel(patterns.shape[1:])
        found = found_by(tier, patterns, kernel, case.options, "single")
        ours = np.split(found.peaks.astype(np.float64), np.cumsum(found.counts)[:-1])
        theirs = np.split(case.peaks, case.offsets[1:-1])
        total += len(case.peaks)
        for number, (mine, reference) in enumerate(zip(ours, theirs, strict=True)):
            distance, unpaired = paired(reference, mine)
            distances.append(distance)
            for peak in unpaired:
                again = partial(oracle, patterns[number], kernel, BraggOptions.from_keywords(**case.options))
                assert hangs_on_margin(peak, again, 1e-6), f"{case.name} {case.options}: pattern {number}, {peak}"
                listed.append(peak)
    moved = np.concatenate(distances)

    assert np.percentile(moved, 99) <= 1e-3
    assert len(listed) + (moved > 1e-2).sum() <= 1e-3 * total, listed


def paired(reference: Peaks3, found: Peaks3) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Distance of each reference disk that has a partner within 1 px, and the disks of either side that have none."""
    if not len(reference) or not len(found):
        return np.empty(0), [*reference, *found]
    distance, _ = KDTree(found[:, :2]).query(reference[:, :2])
    back, _ = KDTree(reference[:, :2]).query(found[:, :2])
    return distance[distance <= 1], [*reference[distance > 1], *found[back > 1]]


def hangs_on_margin(peak: NDArray[np.float64], oracle: Callable[[Disturb], Peaks3], margin: float) -> bool:
    """Whether changes of the correlation by `margin` of its maximum make this disk come and go."""
    there = set()
    for seed in range(30):
        signs = np.random.default_rng(seed)
        disks = oracle(lambda image, signs=signs: image + margin * image.max() * signs.choice([-1, 1], image.shape))
        there.add(bool(len(disks)) and np.hypot(*(disks - peak)[:, :2].T).min() <= 1)
    return there == {True, False}


def test_a_decision_on_a_margin_is_told_from_a_clear_one(oracle) -> None:
    """Two maxima that differ by less than the margin, closer than minPeakSpacing: either may stay; others are sure."""
    kernel = synthetic_kernel(3, (64, 64))
    pattern = sum(
        height * np.roll(kernel, place, (0, 1))
        for height, place in ((1, (20, 20)), (1 + 1e-7, (20, 32)), (5, (44, 40)))
    )
    options = BraggOptions(edgeBoundary=5, minPeakSpacing=14, minRelativeIntensity=0.1, subpixel="pixel")
    again = partial(oracle, pattern, kernel, options)

    assert hangs_on_margin(np.array([20, 20, 0]), again, 1e-6)
    assert not hangs_on_margin(np.array([44, 40, 0]), again, 1e-6)
    assert not hangs_on_margin(np.array([20, 20, 0]), again, 1e-9)


def test_the_references_are_those_that_py4dstem_made() -> None:
    """Every file has the sum that was kept when it was made."""
    sums = dict(line.split()[::-1] for line in (DATA / "SHA256SUMS").read_text(encoding="utf-8").splitlines())

    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in DATA.glob("*.npz")} == sums


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
