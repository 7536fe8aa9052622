"""Bragg disk finding as pure functions of arrays; nothing here knows of files or of Dask."""

from dask_hpc.bragg.kernels.background import subtract_background
from dask_hpc.bragg.kernels.finder import DTYPE, Precision, Tier, compiled_tier_is_installed, finder
from dask_hpc.bragg.kernels.handover import Handover
from dask_hpc.bragg.kernels.plan import Found, Plan, make_plan

__all__ = [
    "DTYPE",
    "Found",
    "Handover",
    "Plan",
    "Precision",
    "Tier",
    "compiled_tier_is_installed",
    "finder",
    "make_plan",
    "subtract_background",
]
