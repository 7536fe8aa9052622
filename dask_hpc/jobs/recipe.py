"""What it takes to submit one more block, kept with the cluster: any process of its user can do it, in the job too."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from dask_hpc.config import Knobs
from dask_hpc.jobs.blocks import Blocks, blocks_of
from dask_hpc.record.folder import RECIPE, folder_of, write_file
from dask_hpc.request.job_request import read_request
from dask_hpc.request.packed import find_archive
from dask_hpc.request.shape import Shape
from dask_hpc.request.walltime import Limit, fit_walltime
from facility.clusters import read_record
from facility.errors import FacilityError, NotFound, NotOffered, OptionError
from facility.models import JobRequest, Reservation
from facility.profile import System


@dataclass(frozen=True)
class Recipe:
    """How each block of a cluster is submitted."""

    request: JobRequest
    ranks_per_node: int
    walltime: timedelta | None  # None: the system's default, cut to the reservation
    system: System
    knobs: Knobs
    place: str = "job"  # where the scheduler is; see `dask_hpc.deploy.placing`
    packed_environment: str = ""  # the archive of the ranks' Python; empty: it is that of the maker, or of an image
    mpi: bool = True  # whether the workers are ranks
    within: str = ""  # the id of the job that the first block is a step of; empty: it is none
    within_nodes: int = 0  # how many nodes that job has
    limits: tuple[Limit, ...] = ()  # on the walltime, as the facility told them when the cluster was made

    def blocks(self) -> Blocks:
        """How the process of the scheduler submits further blocks: in a job by the commands of its node."""
        knobs = replace(self.knobs, provider="") if self.place == "job" else self.knobs
        return blocks_of(self.system, knobs)

    async def fitted(self, blocks: Blocks) -> JobRequest:
        """The request with the walltime that it gets now. Raises OptionError where it gets none.

        It is not fitted to a reservation that `blocks` cannot tell of: Slurm judges it then.
        """
        reservation = await _reservation(self.request.reservation, blocks)
        walltime = fit_walltime(self.walltime, self.system, reservation, datetime.now(UTC), self.limits)
        return replace(self.request, walltime=walltime)


def make_recipe(shape: Shape, system: System, knobs: Knobs) -> Recipe:
    """The recipe of a cluster of this shape. Raises OptionError where a packed environment cannot be."""
    of_ranks = replace(knobs, threads_per_rank=shape.threads_per_rank, memory_per_rank=shape.memory_per_rank)
    request, packed = read_request(system, shape), find_archive(shape, system)
    sized = Recipe(request, shape.ranks_per_node, shape.walltime, system, of_ranks)
    return replace(sized, packed_environment=packed, mpi=shape.mpi)


def write_recipe(name: str, recipe: Recipe) -> None:
    """Leave the recipe in the cluster's folder."""
    write_file(name, RECIPE, _FORM.dump_json(recipe))


def read_recipe(name: str) -> Recipe:
    """The recipe that `write_recipe` left."""
    return _FORM.validate_json((folder_of(name) / RECIPE).read_bytes())


def has_recipe(name: str) -> bool:
    """Whether it is known how the cluster was asked for."""
    return (folder_of(name) / RECIPE).exists()


def recipe_again(name: str) -> tuple[Recipe, int]:
    """The recipe of a cluster that is over, and how many blocks it was last asked to have.

    Raises NotFound where nothing of it is left, and where it was a step of another job than this process is in.
    """
    record = read_record(name)
    try:
        recipe = read_recipe(name)
    except FileNotFoundError as error:
        words = f"how cluster {name!r} was asked for is not known any more; MPICluster({name!r}, ...) makes it"
        raise NotFound(words) from error
    if recipe.within and recipe.within != os.environ.get("SLURM_JOB_ID", ""):
        raise NotFound(
            f"cluster {name!r} was inside job {recipe.within}, and this process is not: "
            f"MPICluster.in_this_job({name!r}) makes one inside of this job, MPICluster({name!r}, ...) a job of its own"
        )
    return recipe, max(record.wished, 1)


async def cancel_jobs(name: str, jobs: Iterable[str]) -> None:
    """Cancel these jobs of cluster `name` where it still has a recipe; no answer is no error."""
    for job in jobs:
        with suppress(FacilityError, OSError):
            recipe = read_recipe(name)
            await recipe.blocks().cancel(job)


async def _reservation(name: str, blocks: Blocks) -> Reservation | None:
    if not name:
        return None
    try:
        known = {reservation.name: reservation for reservation in await blocks.reservations()}
    except NotOffered:
        return None
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise OptionError("reservation", f"there is no reservation {name}; there are: {there}")
    return known[name]


_FORM = TypeAdapter(Recipe)
