"""What a cluster is made of, for tests that make none: two nodes with two ranks each."""

from __future__ import annotations

from datetime import timedelta

from dask_hpc.config import read_knobs
from dask_hpc.jobs.on_slurm import SlurmBlocks
from dask_hpc.jobs.recipe import Recipe
from facility.models import JobRequest
from facility.profile import System

SYSTEM = System(title="Demo", network_interface="lo")
REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=1), nodes=2)
RECIPE = Recipe(REQUEST, 2, None, SYSTEM, read_knobs())
PROVIDER = SlurmBlocks(SYSTEM, read_knobs())
