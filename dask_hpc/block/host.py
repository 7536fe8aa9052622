"""The scheduler's process outside of the jobs: a first block without ranks.

`python -m dask_hpc.block.host NAME PLACE` is that process. At the place "client" it ends with whoever holds the
other end of its standard input.
"""

from __future__ import annotations

import asyncio
import os
import sys

from dask_hpc.block.job import run
from dask_hpc.jobs.processes import id_of


async def _client() -> None:
    """Return when the other end of our standard input is closed, which the end of its process does too."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> int:
    """Be the first block of the cluster that the command line names."""
    name, place = sys.argv[1:]
    return asyncio.run(run(name, 0, id_of(os.getpid()), _client() if place == "client" else None))


if __name__ == "__main__":
    sys.exit(main())
