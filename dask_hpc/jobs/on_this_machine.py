"""Blocks as processes of this user on this machine, for a laptop: the same agent, the ranks forked by MPICH.

There is no queue here, and no account, QOS or reservation: what a notebook asks of these is left out.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from dask_hpc.jobs import processes
from dask_hpc.jobs.detached import start_detached
from dask_hpc.record.folder import log_of
from facility.errors import OptionError, SubmitRefused
from facility.models import Job, JobRequest, Reservation


class LocalBlocks:
    """This user's block agents."""

    @property
    def environment(self) -> Mapping[str, str]:
        """All that its maker has: nothing of it leaves the machine."""
        return os.environ

    def launch(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """MPICH's forker, of this Python's environment: it speaks to ranks by pipes, where mpiexec listens to all."""
        if mpi:
            return _fork(ranks_per_node)
        if not hasattr(signal, "sigwaitinfo"):
            raise OptionError("mpi", "workers without MPI are forked, which goes well on Linux only")
        return ()

    def launch_one(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """Nothing: a rank that dies takes the others with it, and all come back; without MPI it needs no forker."""
        return ()

    def launch_nodes(self) -> tuple[str, ...]:
        """Nothing: this is the node."""
        return ()

    async def submit(self, request: JobRequest, name: str, ranks_per_node: int, block: int = 0) -> str:
        """See `Blocks.submit`."""
        if request.nodes > 1:
            raise OptionError("nodes", "there is one node here; ask for more ranks_per_node instead")
        argv = (sys.executable, "-P", "-m", "dask_hpc.block.local_block", name, str(block))
        return processes.id_of(await start_detached(argv, log_of(name, block)))

    async def job(self, job_id: str) -> Job | None:
        """See `Blocks.job`."""
        return processes.as_job(job_id)

    async def ends(self, job_ids: Sequence[str]) -> dict[str, datetime]:
        """None: nothing here has a walltime."""
        return {}

    async def cancel(self, job_id: str) -> None:
        """See `Blocks.cancel`."""
        processes.end(job_id)

    async def reservations(self) -> Sequence[Reservation]:
        """None: nothing is shared here."""
        return ()

    async def offer(self, request: JobRequest) -> None:
        """See `Blocks.offer`: the machine is its user's."""

    async def ahead(self, job: Job) -> None:
        """See `Blocks.ahead`: nothing waits."""


def _fork(ranks: int) -> tuple[str, ...]:
    forker = shutil.which("mpiexec.gforker", path=str(Path(sys.executable).parent))
    if forker is None and ranks == 1:
        return ()  # one rank is a world without MPI too
    if forker is None:
        raise SubmitRefused("no MPICH in this Python's environment to start the ranks: pip install mpich")
    return (forker, "-l", "-n", str(ranks))
