"""One call for every tier: patterns in, disks out."""

from __future__ import annotations

import importlib.util
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.kernels import numpy_tier
from dask_hpc.bragg.kernels.plan import Found, Plan

Tier = Literal["numpy", "numba"]
Precision = Literal["double", "single"]
DTYPE: dict[str, np.dtype[np.floating]] = {"double": np.dtype(np.float64), "single": np.dtype(np.float32)}


class Find(Protocol):
    """What a tier offers; a new one needs this only. Thread-safe; uses one thread."""

    def __call__(self, patterns: NDArray[np.generic], plan: Plan) -> Found: ...


def compiled_tier_is_installed() -> bool:
    """Whether numba and rocket-fft are there; neither is imported."""
    return all(importlib.util.find_spec(name) for name in ("numba", "rocket_fft"))


def finder(tier: Tier) -> Find:
    """The function of a tier. Raises ImportError where its packages are missing."""
    if tier == "numpy":
        return numpy_tier.find
    from dask_hpc.bragg.kernels import numba_tier  # noqa: PLC0415  # numba takes 0.7 s to load

    return numba_tier.find
