"""Each worker's own CPUs: a share of those that Slurm gave to the process which forked it.

Ranks are tasks of their step, and Slurm binds each of them itself (srun(1), --cpu-bind).
"""

from __future__ import annotations

import os
from collections.abc import Collection


def own_cpus(place: int, workers: int, threads: int) -> None:
    """Bind this process, which is number `place` of so many `workers` on its node, to its share of the CPUs it may use.

    Nothing where the kernel cannot, where there are not as many CPUs as workers have `threads`, and where they are more
    than the job's: then Slurm binds nobody on this node, and others use them too.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    found = os.sched_getaffinity(0)
    if len(found) <= int(os.environ.get("SLURM_CPUS_ON_NODE", len(found))):
        os.sched_setaffinity(0, share_of(found, place, workers, threads))


def share_of(cpus: Collection[int], place: int, workers: int, threads: int) -> set[int]:
    """The CPUs of one of so many workers: all where there are too few for their threads, else a part of its own."""
    count = len(cpus)
    if count < workers * threads:
        return set(cpus)
    return set(sorted(cpus)[place * count // workers : (place + 1) * count // workers])
