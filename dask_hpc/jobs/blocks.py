"""Where blocks run: the one seam between a cluster and what starts its job."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from dask_hpc.config import Knobs, Provider
from facility.models import Job, JobRequest, Reservation
from facility.profile import System

if TYPE_CHECKING:
    from facility.offer import Offer  # a web client comes with it, which the scheduler's process would wait for


class Blocks(Protocol):
    """What a new way to start a block must offer."""

    @property
    def environment(self) -> Mapping[str, str]:
        """What the processes of a cluster may know of the environment of its maker."""
        ...

    def launch(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """The argv, up to the Python of the ranks, by which the block agent starts all of them as one MPI world.

        Without `mpi` it starts one process on each node, which has the CPUs of all its workers and forks them.
        """
        ...

    def launch_one(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """The same for one rank that replaces a lost one in a job that runs; "{node}" stands for its node.

        Empty where a lost rank takes the others of its step with it.
        """
        ...

    def launch_nodes(self) -> tuple[str, ...]:
        """The argv by which the agent starts one process on each node of its job, beside the ranks.

        How many nodes, and which job, the agent adds. Empty where there is one node only, the agent's own.
        """
        ...

    async def submit(self, request: JobRequest, name: str, ranks_per_node: int, block: int = 0) -> str:
        """Start the agent of one block of cluster `name` once, and return its job's id.

        Raises SubmitRefused with the reason; Unreachable where nobody can say whether the job will run.
        """
        ...

    async def job(self, job_id: str) -> Job | None:
        """The job as it is now; None where it is certain that there is none. Raises FacilityError without an answer."""
        ...

    async def ends(self, job_ids: Sequence[str]) -> dict[str, datetime]:
        """When these jobs will end at the latest, those that run; one that has no end is left out.

        Raises FacilityError without an answer.
        """
        ...

    async def cancel(self, job_id: str) -> None:
        """End the job; one that has ended is no error."""
        ...

    async def reservations(self) -> Sequence[Reservation]:
        """The reservations there are."""
        ...

    async def offer(self, request: JobRequest) -> Offer | None:
        """What this user may use, each part as far as it is known; None where nobody grants anything, or tells of it.

        Images are asked for only where the request names one.
        """
        ...

    async def ahead(self, job: Job) -> int | None:
        """How many waiting jobs come before this one; None where that is not known."""
        ...


def blocks_of(system: System, knobs: Knobs) -> Blocks:
    """The way that facility.toml and the knobs say, from this process.

    Where the knobs name no provider, it is Slurm's commands if they are here, else the Superfacility API.
    """
    if system.scheduler == "none":
        from dask_hpc.jobs.on_this_machine import LocalBlocks  # noqa: PLC0415 - of no use where there is a scheduler

        return LocalBlocks()
    if (knobs.provider or _provider_here(system)) == "superfacility":
        from dask_hpc.jobs.on_superfacility import SuperfacilityBlocks  # noqa: PLC0415 - of no use beside Slurm

        return SuperfacilityBlocks(system, knobs)
    from dask_hpc.jobs.on_slurm import SlurmBlocks  # noqa: PLC0415 - of no use where there is none

    return SlurmBlocks(system, knobs)


def _provider_here(system: System) -> Provider:
    return "slurm" if shutil.which(system.commands.sbatch) else "superfacility"
