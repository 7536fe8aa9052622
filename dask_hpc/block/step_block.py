"""A block that is a step of a job which holds more.

`python -m dask_hpc.block.step_block NAME` is the agent of the first.
"""

from __future__ import annotations

import asyncio
import os
import sys

from dask_hpc.block.job import run
from dask_hpc.jobs.within_job import STARTED


def main() -> int:
    """Be the agent of the first block of the cluster that the command line names."""
    step = f"{os.environ['SLURM_JOB_ID']}.{os.environ['SLURM_STEP_ID']}"
    sys.stdout.write(f"{STARTED}{step}\n")
    sys.stdout.flush()
    return asyncio.run(run(sys.argv[1], 0, step))


if __name__ == "__main__":
    sys.exit(main())
