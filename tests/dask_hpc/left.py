"""What a cluster has left behind: jobs in the queue, processes of its jobs, scratch on the nodes, files of its own."""

from __future__ import annotations

import contextlib
import pwd
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks


def left_of_jobs(desk: Notebooks, jobs: Sequence[str]) -> list[str]:
    """What there is of these jobs, in words."""
    queued = desk.says("squeue", "-h", "-j", ",".join(jobs), "-o", "job %i is %T").splitlines()
    processes = processes_of(desk, jobs)
    return [*queued, *_scratch(desk, jobs), *(f"process {one.pid}" for one in processes)]


def _scratch(desk: Notebooks, jobs: Sequence[str]) -> list[str]:
    """The user's scratch of these jobs; what a living process of another Slurm's job of that number has is not."""
    owner, ours = pwd.getpwnam(desk.user).pw_uid, {one.pid for one in processes_of(desk, jobs)}
    found = []
    for path in (path for job in jobs for path in Path(tempfile.gettempdir()).glob(f"beamside-{job}-*")):
        with contextlib.suppress(FileNotFoundError):
            process = int(path.name.split("-")[2])
            if path.stat().st_uid == owner and (process in ours or not psutil.pid_exists(process)):
                found.append(str(path))
    return found


def processes_of(desk: Notebooks, jobs: Sequence[str]) -> list[psutil.Process]:
    """The user's processes of these jobs of this Slurm."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            around = process.environ()
            if around.get("SLURM_JOB_ID") in jobs and around.get("XDG_STATE_HOME") == str(desk.state):
                found.append(process)
    return found


def state_of(desk: Notebooks, job: str) -> str:
    """What Slurm's accounting says of a job."""
    return desk.says("sacct", "-nXP", "-j", job, "-o", "state")


def wait_for_no_job(desk: Notebooks, jobs: Sequence[str]) -> None:
    """Wait until nothing of these jobs is left."""
    wait_until(
        lambda: not left_of_jobs(desk, jobs),
        seconds=90,
        pause=0.5,
        otherwise=lambda: "; ".join(left_of_jobs(desk, jobs)),
    )


def wait_for_nothing(desk: Notebooks, name: str, jobs: Sequence[str], *, keeps_reason: bool = False) -> None:
    """Wait until nothing of the cluster is left; one that failed `keeps_reason` and log, and no key."""

    def left() -> list[str]:
        files = [path for path in desk.files if name in path]
        if keeps_reason:
            files = [path for path in files if path.endswith(".pem")]
        return [*left_of_jobs(desk, jobs), *files]

    wait_until(lambda: not left(), seconds=90, pause=0.5, otherwise=lambda: "; ".join(left()))
