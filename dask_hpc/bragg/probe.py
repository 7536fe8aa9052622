"""From a probe to the correlation kernel: an image of one disk, its centre at the corner of the array."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dask_hpc.bragg.errors import ProbeError

Kernel = NDArray[np.float64]


def synthetic_kernel(radius: float, shape: tuple[int, int], *, width: float = 1.0) -> Kernel:
    """Kernel of a soft disk of `radius` pixels, with sum 1, for patterns of `shape`.

    The edge is a logistic function that falls from 0.88 to 0.12 over `width` pixels.
    """
    if not (radius > 0 and width > 0):
        raise ProbeError(f"a disk of radius {radius} px and edge width {width} px is none; both must be above 0")
    if 2 * radius >= min(shape):
        raise ProbeError(f"a disk of radius {radius} px does not fit patterns of {shape[0]} x {shape[1]} pixels")
    # the exponent is bounded: beyond it the logistic function is 0 in double precision anyway
    disk = 1 / (1 + np.exp(np.clip(4 * (_distance_from_corner(shape) - radius) / width, None, 700)))
    return np.asarray(disk / disk.sum())


def vacuum_kernel(probe: ArrayLike, *, threshold: float = 0.1) -> Kernel:
    """Kernel from a measured probe over vacuum: centred at the corner by a Fourier shift, with sum 1.

    probe : (qx, qy), counts; the mean of several patterns is best. Its centre is the centre of mass of the pixels
    above `threshold` of its maximum.
    """
    image = _image(probe)
    bright = np.where(image > threshold * image.max(), image, 0)
    if not bright.sum() > 0:
        raise ProbeError("the vacuum probe holds no intensity; give the mean of patterns taken beside the sample")
    rows, columns = np.indices(image.shape)
    centre = (rows * bright).sum() / bright.sum(), (columns * bright).sum() / bright.sum()
    frequencies = np.fft.fftfreq(image.shape[0])[:, None] * centre[0] + np.fft.fftfreq(image.shape[1]) * centre[1]
    shifted = np.fft.ifft2(np.fft.fft2(image) * np.exp(2j * np.pi * frequencies)).real
    return np.asarray(shifted / shifted.sum())


def as_kernel(probe: ArrayLike, shape: tuple[int, int]) -> Kernel:
    """The kernel of a call: any corner-centred array of the pattern's shape, as py4DSTEM's `probe.kernel`.

    An object that carries its array as `.data` (a py4DSTEM kernel) or whose probe carries `.kernel` is taken as well.
    Raises ProbeError.
    """
    for name in ("kernel", "data"):
        inner = getattr(probe, name, None)
        if inner is not None and not isinstance(inner, memoryview):
            probe = inner
    kernel = _image(probe)
    if kernel.shape != shape:
        raise ProbeError(
            f"the kernel has {kernel.shape[0]} x {kernel.shape[1]} pixels and the patterns {shape[0]} x {shape[1]}; "
            "make it with synthetic_kernel(radius, shape) or from a vacuum probe of the same detector"
        )
    if not kernel.any():
        raise ProbeError("the kernel is zero everywhere; make it from a probe that holds intensity")
    return kernel


def _image(probe: ArrayLike) -> Kernel:
    """The probe as finite float64 image. Raises ProbeError."""
    try:
        image = np.asarray(probe, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise ProbeError(f"the probe is no array of numbers but {type(probe).__name__}") from reason
    if image.ndim != 2:
        raise ProbeError(f"the probe has {image.ndim} dimensions; it must be one image (qx, qy)")
    if not np.isfinite(image).all():
        raise ProbeError("the probe holds NaN or infinite pixels; mask them first")
    return image


def _distance_from_corner(shape: tuple[int, int]) -> Kernel:
    """Distance in pixels of each pixel from the corner, around the periodic edges."""
    rows, columns = (np.fft.fftfreq(n, 1 / n) for n in shape)
    return np.asarray(np.hypot(rows[:, None], columns))
