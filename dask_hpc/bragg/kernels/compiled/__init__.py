"""The compiled half of numba_tier, a file a step; importing it loads numba."""

from dask_hpc.bragg.kernels.compiled.batch import MULTICORR, PIXEL, POLY, find_batch
from dask_hpc.bragg.kernels.compiled.subpixel import WIDE

__all__ = ["MULTICORR", "PIXEL", "POLY", "WIDE", "find_batch"]
