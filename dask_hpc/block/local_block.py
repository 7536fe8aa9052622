"""The process of a block on this machine: `python -m dask_hpc.block.local_block NAME NUMBER` is its agent."""

from __future__ import annotations

import asyncio
import os
import sys

from dask_hpc.block.job import run
from dask_hpc.jobs.processes import id_of


def main() -> int:
    """Be the agent of the block that the command line names."""
    name, block = sys.argv[1:]
    return asyncio.run(run(name, int(block), id_of(os.getpid())))


if __name__ == "__main__":
    sys.exit(main())
