"""Kernels have their centre at the corner, whatever they are made from."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dask_hpc.bragg import synthetic_kernel, vacuum_kernel
from dask_hpc.bragg.errors import ProbeError
from dask_hpc.bragg.probe import as_kernel


@pytest.mark.parametrize("shape", [(64, 48), (63, 49)])
def test_a_soft_disk_is_symmetric_about_the_corner(shape) -> None:
    """Its sum is 1, its centre pixel 0, 0, its half height at the radius."""
    kernel = synthetic_kernel(6, shape)

    assert 1 == pytest.approx(kernel.sum())
    np.testing.assert_allclose(kernel, np.roll(kernel[::-1, ::-1], (1, 1), (0, 1)), atol=1e-15)
    assert 0.5 == pytest.approx(kernel[6, 0] / kernel[0, 0], abs=1e-6)


def test_a_vacuum_probe_is_moved_to_the_corner_by_its_centre_of_mass() -> None:
    """A disk anywhere on the detector gives the kernel of a disk at the corner."""
    disk = np.roll(synthetic_kernel(6, (64, 64), width=3), (20, 33), (0, 1)) * 5e4

    kernel = vacuum_kernel(disk)

    np.testing.assert_allclose(kernel, synthetic_kernel(6, (64, 64), width=3), atol=1e-6)


def test_py4dstem_like_probes_are_taken_as_arrays() -> None:
    """The array of `probe.kernel`, and of a kernel that carries `.data`, is the kernel."""
    array = synthetic_kernel(4, (32, 32))
    probe = SimpleNamespace(kernel=SimpleNamespace(data=array))

    np.testing.assert_array_equal(array, as_kernel(probe, (32, 32)))
    np.testing.assert_array_equal(array, as_kernel(array.tolist(), (32, 32)))


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (np.ones((16, 32)), "the kernel has 16 x 32 pixels and the patterns 32 x 32"),
        (np.zeros((32, 32)), "zero everywhere"),
        (np.full((32, 32), np.nan), "NaN"),
        (np.ones(32), "1 dimensions"),
        ("probe.dm4", "no array of numbers but str"),
    ],
)
def test_a_kernel_that_does_not_fit_is_refused(probe, words) -> None:
    """The message says what is wrong with it."""
    with pytest.raises(ProbeError, match=words):
        as_kernel(probe, (32, 32))


@pytest.mark.parametrize(("radius", "words"), [(0, "must be above 0"), (16, "does not fit patterns of 32 x 32")])
def test_an_impossible_disk_is_refused(radius, words) -> None:
    """A radius of nothing, and one wider than the detector."""
    with pytest.raises(ProbeError, match=words):
        synthetic_kernel(radius, (32, 32))


def test_an_empty_vacuum_probe_is_refused() -> None:
    """No intensity, no centre."""
    with pytest.raises(ProbeError, match="holds no intensity"):
        vacuum_kernel(np.zeros((32, 32)))
