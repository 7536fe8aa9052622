"""Node-local scratch of one process of a cluster: private, gone at the end, and swept when its owner was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil


@contextlib.contextmanager
def scratch(job_id: str) -> Iterator[str]:
    """A directory for what this process spills, 0700; at the end it goes, and with it what killed neighbours left."""
    path = tempfile.mkdtemp(prefix=f"{_prefix(job_id)}{os.getpid()}-")  # mkdtemp makes it 0700
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        sweep(job_id)


def sweep(job_id: str) -> None:
    """Remove this node's scratch of this job whose process is gone. Others' directories are never touched."""
    for path in Path(tempfile.gettempdir()).glob(f"{_prefix(job_id)}*"):
        with contextlib.suppress(OSError, ValueError):  # it went meanwhile, or is none of ours
            process = int(path.name.removeprefix(_prefix(job_id)).partition("-")[0])
            if path.lstat().st_uid == os.getuid() and not psutil.pid_exists(process):
                shutil.rmtree(path, ignore_errors=True)


def _prefix(job_id: str) -> str:
    return f"beamside-{job_id}-"
