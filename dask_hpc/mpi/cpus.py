"""Each worker's own CPUs: a share of those that Slurm gave to the process which forks them.

Ranks are tasks of their step, and Slurm binds each of them itself (srun(1), --cpu-bind).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def shares(workers: int, threads: int) -> list[set[int]]:
    """The CPUs that each of a node's `workers` shall be bound to, of those that this process may use.

    None are told where the kernel binds nobody, outside of Slurm, and where they are more than the job has on this
    node: then Slurm binds nobody here, and others use them too.
    """
    if not hasattr(os, "sched_getaffinity"):
        return []
    found = os.sched_getaffinity(0)
    of_job = int(os.environ.get("SLURM_CPUS_ON_NODE", "0"))
    return divided(by_core(found), workers, threads) if len(found) <= of_job else []


def divided(cpus: Sequence[int], workers: int, threads: int) -> list[set[int]]:
    """The CPUs in equal parts that follow one another; nothing where they are too few for so many `threads` each."""
    count = len(cpus)
    if count < workers * threads:
        return []
    return [set(cpus[one * count // workers : (one + 1) * count // workers]) for one in range(workers)]


def by_core(cpus: Iterable[int]) -> list[int]:
    """The CPUs so that those of a core follow one another, and the cores of a socket."""
    return sorted(cpus, key=_place)


def _place(cpu: int) -> tuple[int, int, int]:
    """Socket, core and number; see Documentation/admin-guide/cputopology.rst of the kernel."""
    folder = _TOPOLOGY / f"cpu{cpu}" / "topology"
    try:
        return int((folder / "physical_package_id").read_text()), int((folder / "core_id").read_text()), cpu
    except OSError:  # not all machines tell
        return 0, cpu, cpu
