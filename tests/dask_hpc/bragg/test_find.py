"""find_bragg_disks: one call from scan to peaks, with progress, provenance and errors in words."""

from __future__ import annotations

import re
import subprocess
import sys
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from dask_hpc.bragg import find_bragg_disks, preparing, synthetic_kernel, tiles
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.errors import BadOption, ProbeError, ScanError
from dask_hpc.bragg.kernels import Handover, Plan
from dask_hpc.bragg.kernels.handover import make_ready
from dask_hpc.bragg.progress import Progress
from dask_hpc.bragg.synthetic import Sample, generate


def test_every_pattern_of_a_scan_keeps_its_place(small) -> None:
    """The disks at a scan position are those of that pattern alone."""
    patterns, _, sample = small

    whole = find_bragg_disks(patterns, demo_kernel(sample), **demo_options(sample))

    one = find_bragg_disks(patterns[2:, 1:2], demo_kernel(sample), **demo_options(sample))
    np.testing.assert_array_equal(one.qx, whole[2, 1].qx)
    assert (3, 4) == whole.scan_shape
    assert len(whole) == whole.counts().sum()


def test_objects_of_py4dstem_are_taken(small) -> None:
    """A DataCube carries its array as `.data`, a kernel likewise."""
    patterns, _, sample = small
    cube, kernel = SimpleNamespace(data=patterns), SimpleNamespace(data=demo_kernel(sample))

    found = find_bragg_disks(cube, kernel, **demo_options(sample))

    np.testing.assert_array_equal(find_bragg_disks(patterns, demo_kernel(sample), **demo_options(sample)).qx, found.qx)


@pytest.mark.parametrize("tier", ["numpy", "numba"])
def test_prepared_patterns_give_py4dstems_peaks(tier, prepared_case) -> None:
    """With radial background and filter every peak lies within 1e-8 px of py4DSTEM's."""
    options = dict(prepared_case.options)
    if "filter_function" in options:
        options["filter_function"] = getattr(np, options["filter_function"])
    origin = prepared_case.origin if options.get("radial_bksb") else None
    patterns = prepared_case.patterns.astype(np.float64)

    found = find_bragg_disks(patterns, prepared_case.kernel(patterns.shape[2:]), origin=origin, tier=tier, **options)

    assert found.offsets.tolist() == prepared_case.offsets.tolist()
    assert np.abs(np.column_stack([found.qx, found.qy]) - prepared_case.peaks[:, :2]).max() < 1e-8


def test_the_origin_of_a_calibrated_cube_is_asked_for(small) -> None:
    """py4DSTEM's DataCube knows it; a pair given for all patterns says the same."""
    patterns, _, sample = small
    known = np.full((2, 3, 4), 40.0)
    cube = SimpleNamespace(data=patterns, calibration=SimpleNamespace(get_origin=lambda: tuple(known)))
    options = {**demo_options(sample), "radial_bksb": True}

    asked = find_bragg_disks(cube, demo_kernel(sample), **options)

    given = find_bragg_disks(patterns, demo_kernel(sample), origin=(40, 40), **options)
    np.testing.assert_array_equal(given.qx, asked.qx)
    assert given.qx.tolist() != find_bragg_disks(patterns, demo_kernel(sample), **demo_options(sample)).qx.tolist()


def test_the_call_of_2020_runs_word_for_word(capsys) -> None:
    """Names, defaults and the printed progress of the seed notebook, on a cube and a kernel as it had them."""
    patterns, _ = generate(Sample(scan=(1, 2), detector=(256, 256), radius=14, spacing=62, dose=400_000))
    dc = SimpleNamespace(data=patterns)
    probe_kernel = SimpleNamespace(data2D=synthetic_kernel(14, (256, 256)))

    peaks = find_bragg_disks(
        dc,
        probe_kernel.data2D,
        corrPower=0.8,
        sigma=2,
        edgeBoundary=20,
        minRelativeIntensity=0.001,
        minPeakSpacing=50,
        maxNumPeaks=70,
        verbose=True,
    )

    assert peaks.counts().min() >= 9
    assert "2 of 2 patterns (100 %)" in capsys.readouterr().out


def test_the_compiled_tier_takes_over_in_mid_run(small, monkeypatch) -> None:
    """The result says which patterns each tier made; each part again with its tier is the same bit by bit."""
    patterns, _, sample = small
    first_tile_is_done = Event()

    def make_ready_then(plan: Plan) -> None:
        assert first_tile_is_done.wait(60)
        make_ready(plan)

    handover = Handover(make_ready_then)
    monkeypatch.setattr(preparing, "COMPILE_FROM", 12)
    monkeypatch.setattr(tiles, "_handover", handover)

    def wait_after_the_first_tile(_: Progress) -> None:
        first_tile_is_done.set()
        assert handover.wait_ready(next(reversed(tiles._plans.values())), timeout=120)

    found = find_bragg_disks(patterns, demo_kernel(sample), verbose=wait_after_the_first_tile, **demo_options(sample))

    made = found.provenance["made"]
    assert ["numpy", "numba"] == [part["tier"] for part in made]
    assert [0, 12] == [made[0]["start"], made[-1]["stop"]]
    for part in made:
        again = find_bragg_disks(patterns, demo_kernel(sample), tier=part["tier"], **demo_options(sample))
        both = slice(found.offsets[part["start"]], found.offsets[part["stop"]])
        np.testing.assert_array_equal(again.qx[both], found.qx[both])
        assert "multicorr" == part["refinement"]


def test_tiers_agree_and_provenance_names_them(small) -> None:
    """Whatever computes, the disks are the same to rounding; the result says what computed it."""
    patterns, _, sample = small
    found = {
        tier: find_bragg_disks(patterns, demo_kernel(sample), tier=tier, **demo_options(sample))
        for tier in ("numpy", "numba")
    }

    np.testing.assert_allclose(found["numpy"].qx, found["numba"].qx, atol=1e-8)
    assert ("numba", "double", 2.0) == (
        found["numba"].provenance["tier"], found["numba"].provenance["precision"], found["numba"].options.sigma_cc
    )  # fmt: skip


def test_single_precision_is_single(small) -> None:
    """The result has the precision that was asked for."""
    patterns, _, sample = small

    found = find_bragg_disks(patterns, demo_kernel(sample), precision="single", **demo_options(sample))

    assert np.float32 == found.qx.dtype


def test_progress_reaches_the_listener_in_order(small) -> None:
    """The last call says that all is done."""
    patterns, _, sample = small
    heard: list[Progress] = []

    found = find_bragg_disks(patterns, demo_kernel(sample), verbose=heard.append, **demo_options(sample))

    assert sorted(step.patterns for step in heard) == [step.patterns for step in heard]
    assert (12, 12, len(found)) == (heard[-1].patterns, heard[-1].total, heard[-1].disks)


def test_verbose_prints_lines(small, capsys) -> None:
    """A terminal sees how far it is, in words."""
    patterns, _, sample = small

    find_bragg_disks(patterns, demo_kernel(sample), verbose=True, **demo_options(sample))

    assert re.search(r"Bragg disks: 12 of 12 patterns \(100 %\), \d+ disks, \d+ patterns/s", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"distributed": {}}, BadOption, "no option distributed"),
        ({"tier": "cuda"}, BadOption, "choose numpy or numba"),
        ({"precision": "half"}, BadOption, "choose one of double, single"),
        ({"edgeBoundary": 48}, BadOption, "edgeBoundary 48 leaves nothing"),
        ({"radial_bksb": True}, BadOption, "give origin="),
        ({"origin": (48, 40)}, BadOption, "origin is for radial_bksb alone"),
        ({"radial_bksb": True, "origin": "centre"}, BadOption, "no pair of numbers but str"),
        ({"radial_bksb": True, "origin": np.zeros((2, 4, 3))}, BadOption, r"must be finite, and \(2,\) or \(2, 3, 4\)"),
        ({"edgeBoundary": 9, "filter_function": np.sum}, BadOption, "it must return real numbers of the same shape"),
        ({"probe": np.ones((8, 8))}, ProbeError, "8 x 8 pixels and the patterns 96 x 80"),
        ({"scan": 5}, ScanError, "a scan has four"),
    ],
)
def test_what_cannot_work_is_refused_before_any_pattern(small, change, error, words) -> None:
    """Each refusal is an error of our tree and names what to change."""
    patterns, _, sample = small
    call = {"scan": patterns, "probe": demo_kernel(sample)} | change

    with pytest.raises(error, match=words):
        find_bragg_disks(**call)


def test_importing_the_name_loads_no_numeric_library() -> None:
    """`import dask_hpc.bragg` costs nothing until something is used."""
    heavy = {"numpy", "scipy", "numba", "h5py", "distributed"}
    code = f"import sys, dask_hpc.bragg; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == done.stdout.strip()


def test_every_public_name_can_be_loaded() -> None:
    """What `__init__` lists is there; what it does not list is an AttributeError."""
    from dask_hpc import bragg  # noqa: PLC0415  # the subject of this test

    assert all(getattr(bragg, name) for name in bragg.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'find_braggs'"):
        _ = bragg.find_braggs
