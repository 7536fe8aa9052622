"""A real Slurm whose nodes claim room for many small jobs, and what its controller was asked, by its own count."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goal import people

from beamside.demo.layout import default_prefix
from beamside.demo.processes import wait_until
from beamside.demo.slurm import accounts
from beamside.demo.slurm.cluster import SlurmCluster
from beamside.demo.slurm.conf import BATCH_NODES, Scale

MEMORY_MB = 2000
"""What a job gets on this Slurm unless it asks for something else."""

_ROW = re.compile(r"^\s*(\S+)\s+\(\s*\d+\)\s+count:(\d+)", re.MULTILINE)
_NOT_ASKED = {"REQUEST_STATS_INFO", "REQUEST_PING"}  # sdiag's own, and those of Slurm's daemons
_BY_DAEMONS = ("REQUEST_COMPLETE", "REQUEST_STEP_COMPLETE", "REQUEST_JOB_NOTIFY", "REQUEST_NODE")


@contextmanager
def a_slurm(jobs: int = 0) -> Iterator[SlurmCluster]:
    """A real Slurm of this run's own with room for `jobs` of one CPU, spread over its nodes; 0: as the demonstration's.

    With so many, nothing looks at what each uses, and no reservation keeps nodes from them.
    """
    cpus = jobs // len(BATCH_NODES) + 4
    scale = Scale(cpus, cpus * MEMORY_MB, sampled_every=0) if jobs else Scale()
    with tempfile.TemporaryDirectory(prefix="beamside-bench-") as folder:
        Path(folder).chmod(0o755)
        cluster = SlurmCluster(Path(folder) / "slurm", people=people(), prefix=default_prefix(), scale=scale)
        try:
            cluster.up()
            if jobs:
                for plan in accounts.reservations(cluster.people):
                    cluster.run("scontrol", "delete", f"reservation={plan.name}")
            yield cluster
        finally:
            cluster.down()


def limit_running(cluster: SlurmCluster, most: int) -> None:
    """Let no more than `most` jobs of the default QOS run; the others wait."""
    cluster.run("sacctmgr", "-i", "-Q", "modify", "qos", "regular", "set", f"grpjobs={most}")


def questions(cluster: SlurmCluster) -> Counter[str]:
    """What people's commands and services asked the controller since it began, in RPCs by their type."""
    told = cluster.run("sdiag").partition("statistics by message type")[2].partition("statistics by user")[0]
    rows = Counter({name: int(count) for name, count in _ROW.findall(told)})
    asked = {
        name: count
        for name, count in rows.items()
        if name.startswith("REQUEST_") and name not in _NOT_ASKED and not name.startswith(_BY_DAEMONS)
    }
    return Counter(asked)


def jobs_in_queue(cluster: SlurmCluster) -> Counter[str]:
    """How many jobs there are, by state."""
    return Counter(cluster.run("squeue", "-h", "-o", "%T").split())


def end_all_jobs(cluster: SlurmCluster, user: str) -> None:
    """Cancel everything, and wait until it is gone."""
    cluster.run("scancel", f"--user={user}", seconds=300)
    wait_until(
        lambda: not jobs_in_queue(cluster),
        seconds=300,
        pause=0.5,
        otherwise=lambda: f"jobs stay: {jobs_in_queue(cluster)}",
    )
