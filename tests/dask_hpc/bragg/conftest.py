"""Small scans, the reference of py4DSTEM, and a plain oracle, for every test of disk finding."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from numpy.typing import NDArray

from dask_hpc.bragg import BraggOptions, synthetic_kernel
from dask_hpc.bragg.options import OptionValue
from dask_hpc.bragg.synthetic import Sample, Truth, generate

DATA = Path(__file__).parent / "data"
Oracle = Callable[[NDArray[np.generic], NDArray[np.float64], BraggOptions], NDArray[np.float64]]
Disturb = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """One option set of one reference file: what py4DSTEM found."""

    name: str
    number: int
    options: dict[str, OptionValue]
    kernel_disk: tuple[float, float]
    offsets: NDArray[np.int64]
    peaks: NDArray[np.float64]
    patterns: NDArray[np.generic] | None
    sha256: str
    origin: NDArray[np.float64] | None

    def kernel(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """The kernel of the reference run."""
        return synthetic_kernel(self.kernel_disk[0], shape, width=self.kernel_disk[1])


def cases(name: str) -> Iterator[Case]:
    """Every option set of a reference file."""
    with np.load(DATA / f"{name}.npz") as stored:
        for number, options in enumerate(json.loads(str(stored["options"]))):
            yield Case(
                name, number, options, tuple(stored["disk"]), stored[f"offsets_{number}"], stored[f"peaks_{number}"],
                stored.get("patterns"), str(stored.get("sha256", "")), stored.get("origin"),
            )  # fmt: skip


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for every option set of the committed references, or for every whole data set.

    Kinds: generated patterns, real scans, and patterns that are prepared by radial_bksb or a filter.
    """
    files = {"real": [], "generated": [], "prepared": []}
    for path in sorted(DATA.glob("*.npz")):
        files["prepared" if path.stem == "generated-prepared" else path.stem.partition("-")[0]].append(path.stem)
    for kind, names in files.items():
        if f"{kind}_case" in metafunc.fixturenames:
            every = [case for name in names for case in cases(name)]
            metafunc.parametrize(f"{kind}_case", every, ids=[f"{case.name}-{case.number}" for case in every])
        if f"{kind}_set" in metafunc.fixturenames:
            metafunc.parametrize(f"{kind}_set", [list(cases(name)) for name in names], ids=names)


@pytest.fixture(scope="session")
def small() -> tuple[NDArray[np.uint16], Truth, Sample]:
    """A generated scan of 3 x 4 patterns with its truth."""
    sample = Sample(scan=(3, 4), detector=(96, 80))
    return *generate(sample), sample


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """Disk finding written down plainly in double precision, with none of the kernels' shortcuts."""
    return plain_disks


def as_it_is(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """No disturbance."""
    return image


def plain_disks(
    pattern: NDArray[np.generic], kernel: NDArray[np.float64], options: BraggOptions, disturb: Disturb = as_it_is
) -> NDArray[np.float64]:
    """Bragg disks of one pattern by the definition: complex FFTs, shifted copies, one dense DFT a peak.

    disturb : what happens to the correlation, and to each small grid, before anything is decided by it.
    """
    data = pattern.astype(float)
    if options.sigma_dp > 0:
        data = scipy.ndimage.gaussian_filter(data, options.sigma_dp)
    product = np.fft.fft2(data) * np.fft.fft2(kernel).conj()
    product = np.abs(product) ** options.corrPower * np.exp(1j * np.angle(product))
    image = np.maximum(np.fft.ifft2(product).real, 0)
    if options.sigma_cc > 0:
        image = scipy.ndimage.gaussian_filter(image, options.sigma_cc)
    image = disturb(image)
    strict = np.ones(image.shape, bool)
    for shift in ((1, 0), (0, 1), (-1, 1), (1, 1)):
        strict &= image > np.roll(image, shift, (0, 1))
        strict &= image >= np.roll(image, (-shift[0], -shift[1]), (0, 1))
    edge = max(options.edgeBoundary, 1)
    inside = np.zeros_like(strict)
    inside[edge:-edge, edge:-edge] = True
    found = sorted(((image[i, j], i, j) for i, j in np.argwhere(strict & inside)), reverse=True)
    found = [peak for peak in found if peak[0] >= options.minAbsoluteIntensity]
    if len(found) > options.relativeToPeak:
        least = options.minRelativeIntensity * found[options.relativeToPeak][0]
        found = [peak for peak in found if peak[0] >= least]
    kept: list[tuple[float, int, int]] = []
    for peak in found:
        if all((peak[1] - i) ** 2 + (peak[2] - j) ** 2 >= options.minPeakSpacing**2 for _, i, j in kept):
            kept.append(peak)
    kept = kept[: options.maxNumPeaks]
    if options.subpixel in ("none", "pixel"):
        return np.array([(i, j, height) for height, i, j in kept]).reshape(-1, 3)
    refined = [_plain_parabola(image, i, j) for _, i, j in kept]
    if options.subpixel == "multicorr":
        factor = options.upsample_factor
        refined = [(*_plain_upsample(product, x, y, factor, disturb), height) for x, y, height in refined]
        refined.sort(key=lambda peak: (peak[2], peak[0], peak[1]), reverse=True)
    return np.array(refined).reshape(-1, 3)


def _plain_parabola(image: NDArray[np.float64], i: int, j: int) -> tuple[float, float, float]:
    x = i + _vertex(image[i - 1, j], image[i, j], image[i + 1, j])
    y = j + _vertex(image[i, j - 1], image[i, j], image[i, j + 1])
    return x, y, float(scipy.ndimage.map_coordinates(image, [[x], [y]], order=1)[0])


def _plain_upsample(
    product: NDArray[np.complex128], x: float, y: float, u: int, disturb: Disturb
) -> tuple[float, float]:
    """The trigonometric polynomial with these coefficients, at every point of the small grid."""
    centre = [np.round(np.round(2 * value) / 2 * u) / u for value in (x, y)]
    steps = np.arange(int(np.ceil(1.5 * u))) - int(np.ceil(1.5 * u)) // 2
    waves = [
        np.exp(2j * np.pi * np.outer(middle + steps / u, np.fft.fftfreq(size)))
        for middle, size in zip(centre, product.shape, strict=True)
    ]
    grid = disturb((waves[0] @ product @ waves[1].T).real)
    i, j = np.unravel_index(grid.argmax(), grid.shape)
    shift = [float(steps[i]), float(steps[j])]
    if 0 < i < len(steps) - 1 and 0 < j < len(steps) - 1:
        shift[0] += _vertex(*grid[i - 1 : i + 2, j])
        shift[1] += _vertex(*grid[i, j - 1 : j + 2])
    return centre[0] + shift[0] / u, centre[1] + shift[1] / u


def _vertex(before: float, top: float, after: float) -> float:
    return (after - before) / (4 * top - 2 * after - 2 * before)
