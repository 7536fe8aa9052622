"""Making a named cluster: claim the name, leave what the job must find, submit once, enter the job into the record."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dask_hpc.deploy.placing import begin
from dask_hpc.errors import NameTaken
from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.in_environment import RANKS_PYTHON
from dask_hpc.jobs.in_image import ranks_python, ranks_variables
from dask_hpc.jobs.recipe import Recipe, write_recipe
from dask_hpc.jobs.registry import forget, life_of
from dask_hpc.mpi.alike import write_versions
from dask_hpc.mpi.network import LOOPBACK
from dask_hpc.record.folder import Spec, folder_of, reserve, write_spec
from dask_hpc.record.tls import make_credentials
from dask_hpc.request.asking import check
from facility.clusters import BlockRecord, ClusterRecord, read_record, write_record
from facility.errors import HomeRefused, NotFound
from facility.models import NO_IMAGE, Life


async def create(name: str, recipe: Recipe, count: int, blocks: Blocks) -> ClusterRecord:
    """Submit the first of `count` blocks of the cluster `name`, and return its record; the scheduler in it goes on.

    Raises NameTaken, OptionError, SubmitRefused (HomeRefused too) or Unreachable; then, and on cancelling, nothing of
    it stays behind.
    """
    await _claim(name, blocks)
    try:
        recipe = await _granted(recipe, blocks)
        request = await recipe.fitted(blocks)
        record = _prepare(name, recipe, count, blocks)
        job_id = await begin(name, recipe, request, blocks)
    except BaseException:
        forget(name)  # a job that Slurm took all the same finds nothing, and ends
        raise
    record = replace(record, job_ids=(job_id,), blocks=(BlockRecord(0, job_id),))
    with suppress(OSError):  # the job waits for it, and then enters itself
        write_record(record)
    return record


def _prepare(name: str, recipe: Recipe, count: int, blocks: Blocks) -> ClusterRecord:
    """Leave what the job must find. Raises HomeRefused where the disk does not take it."""
    record = _record(name, recipe, count)
    try:
        make_credentials(folder_of(name))
        spec = make_spec(name, recipe, count, blocks)
        write_spec(spec)
        if spec.inside:
            write_versions(name, spec.inside)
        write_recipe(name, recipe)
        write_record(record)
    except OSError as error:
        words = f"{folder_of(name).parent} does not take a cluster's files: {error.strerror}; nothing was submitted"
        raise HomeRefused(words) from error
    return record


async def _granted(recipe: Recipe, blocks: Blocks) -> Recipe:
    """The recipe with the limits that the facility sets on it. Raises OptionError where it does not offer that."""
    offer = await blocks.offer(recipe.request)
    return recipe if offer is None else replace(recipe, limits=check(recipe.request, offer))


def make_spec(name: str, recipe: Recipe, count: int, blocks: Blocks) -> Spec:
    """What the jobs of this cluster must know."""
    request, system, knobs = recipe.request, recipe.system, recipe.knobs
    has_image, around, folder = request.image != NO_IMAGE, blocks.environment, str(Path.cwd())
    return Spec(
        name=name,
        nodes=request.nodes,
        ranks_per_node=recipe.ranks_per_node,
        threads_per_rank=knobs.threads_per_rank,
        memory_per_rank=knobs.memory_per_rank,
        network_interface=system.network_interface or (LOOPBACK if system.scheduler == "none" else ""),
        launch=blocks.launch(request, recipe.ranks_per_node, recipe.mpi),
        launch_one=blocks.launch_one(request, recipe.ranks_per_node, recipe.mpi),
        python=RANKS_PYTHON if recipe.packed_environment else ranks_python(request.image, system, around, folder),
        image=request.image if has_image else "",
        variables=ranks_variables(request.image, system, around),
        environment=recipe.packed_environment,
        sbcast=system.commands.sbcast,
        launch_nodes=blocks.launch_nodes(),
        job_nodes=recipe.within_nodes,
        blocks=count,
        mpi_launch=system.mpi_launch,
        idle_timeout=knobs.idle_timeout,
        no_client_timeout=knobs.no_client_timeout,
        close_timeout=knobs.close_timeout,
        drain_timeout=knobs.drain_timeout,
        silence_timeout=knobs.silence_timeout,
        gpus_per_rank=request.gpus_per_node // recipe.ranks_per_node,
        place=recipe.place,
        mpi=recipe.mpi,
        import_once=knobs.import_once,
    )


def _record(name: str, recipe: Recipe, count: int) -> ClusterRecord:
    request = recipe.request
    return ClusterRecord(
        name=name,
        created=time.time(),
        account=request.account,
        qos=request.qos,
        reservation=request.reservation,
        nodes=request.nodes,
        ranks_per_node=recipe.ranks_per_node,
        wished=count,
    )


async def _claim(name: str, blocks: Blocks) -> None:
    """Reserve the name; what a cluster that is gone has left under it is removed first."""
    try:
        reserve(name)
    except NameTaken:
        try:
            gone = await life_of(read_record(name), blocks) is Life.GONE
        except NotFound:
            gone = False  # its maker is at work, or died at it and `MPICluster.list` will tidy up
        if not gone:
            raise
        forget(name)
        reserve(name)
