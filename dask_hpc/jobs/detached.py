"""Processes that outlive whoever starts them: nobody's children, so that a kernel that ends takes none with it.

`python -m dask_hpc.jobs.detached LOG ARGV...` starts one, tells its process id in JSON, and ends. Its standard input is
the starter's own.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_START_SECONDS = 20.0


async def start_detached(
    argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None, stdin: int = DEVNULL
) -> int:
    """Start `argv`, which writes to `log`, and return its process id. `stdin` is a file's number, by default none."""
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "dask_hpc.jobs.detached", str(log), *argv, stdin=stdin, stdout=PIPE, env=environment
    )
    told, _ = await asyncio.wait_for(starter.communicate(), _START_SECONDS)
    return int(json.loads(told)["process"])


def main() -> NoReturn:
    """Start what the command line names."""
    log, *argv = sys.argv[1:]
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    process = subprocess.Popen(argv, stdin=None, stdout=handle, stderr=handle, start_new_session=True)
    sys.stdout.write(json.dumps({"process": process.pid}))
    sys.stdout.flush()
    os._exit(0)  # without waiting for it


if __name__ == "__main__":
    main()
