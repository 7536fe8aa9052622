"""find_bragg_disks: one call from scan to peaks, with progress, provenance and errors in words."""

from __future__ import annotations

import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from dask_hpc.bragg import find_bragg_disks
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.errors import BadOption, ProbeError, ScanError
from dask_hpc.bragg.progress import Progress


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
