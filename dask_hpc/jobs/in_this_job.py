"""A cluster inside the job around this process: what that job has for it, and how its first block begins there.

The first block is a step that shares the job's nodes with what runs there already, so it waits in no queue, and its end
leaves the job as it was. Further blocks are jobs of their own, like those of any cluster.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dask_hpc.config import Knobs, read_shape_settings
from dask_hpc.jobs.detached import start_detached
from dask_hpc.jobs.processes import end, id_of, process_of
from dask_hpc.jobs.recipe import Recipe, make_recipe
from dask_hpc.jobs.within_job import STARTED, step_environment
from dask_hpc.record.folder import last_log_lines, log_of
from dask_hpc.request.job_request import AGENT_MB, MIB
from dask_hpc.request.shape import SLURMS_OWN, Layer, Shape, read_shape
from facility.errors import NotFound, OptionError, SubmitRefused
from facility.models import Job
from facility.profile import System
from facility.providers.slurm import DirectRunner, Slurm, slurm_environment
from facility.providers.slurm.run import current_user
from facility.providers.slurm.steps import Holding, SlurmSteps

_LINE = re.compile(rf"{STARTED}([0-9]+\.[0-9]+)$", re.MULTILINE)
_START_SECONDS, _LOOK_SECONDS = 60.0, 0.05


async def own_job(system: System) -> tuple[Job, Holding]:
    """The job around this process, and what it holds. Raises NotFound where there is none."""
    job_id = os.environ.get("SLURM_JOB_ID", "")
    if not job_id:
        raise NotFound(
            "this process runs in no job: `in_this_job` is for notebooks whose server is a job, and for job scripts; "
            "MPICluster(...) submits one"
        )
    run = DirectRunner(slurm_environment(system))
    job, holding = await Slurm(system, run).job(job_id), await SlurmSteps(system, run).holding(job_id)
    if job is None or holding is None or job.user != current_user():
        raise NotFound(f"SLURM_JOB_ID is {job_id}, and {system.title} runs no such job of {current_user()}'s")
    return job, holding


def recipe_within(around: tuple[Job, Holding], system: System, knobs: Knobs, asked: Mapping[str, object]) -> Recipe:
    """The recipe of a cluster inside a job: of nodes and ranks what is asked, or all that the job has room for.

    Further blocks have the account, the QOS, the partition and the reservation of the job.
    Raises OptionError naming what cannot be, and what the job has.
    """
    job, holding = around
    shape = read_shape([Layer(asked), Layer({"nodes": holding.nodes}), Layer(read_shape_settings())])
    if shape.nodes > holding.nodes:
        raise OptionError("nodes", f"job {job.id} has {holding.nodes}, and not {shape.nodes}")
    most, why = min(_room(holding, shape))
    ranks = max(most, 1) if asked.get("ranks_per_node") is None else shape.ranks_per_node
    if ranks > most:
        raise OptionError("ranks_per_node", f"job {job.id} has room for {most} a node, and not for {ranks}: {why}")
    shape = replace(
        shape, ranks_per_node=ranks, blocks=1,
        account=job.account, qos=job.qos or SLURMS_OWN, partition=job.partition, reservation=job.reservation,
    )  # fmt: skip
    return replace(make_recipe(shape, system, knobs), within=job.id, within_nodes=holding.nodes)


def _room(holding: Holding, shape: Shape) -> list[tuple[int, str]]:
    """How many ranks a node has room for by each of what it has, and why no more; all nodes of a job count as alike."""
    cpus, each = holding.cpus // holding.nodes, shape.threads_per_rank
    room = [(cpus // each, f"it has {cpus} CPUs a node, and a rank takes {each} (threads_per_rank)")]
    if holding.memory_mb is not None:
        memory, each = holding.memory_mb // holding.nodes, shape.memory_per_rank // MIB
        words = f"it has {memory} MiB a node, of which the scheduler takes {AGENT_MB} and a rank {each}"
        room.append((max(memory - AGENT_MB, 0) // max(each, 1), f"{words} (memory_per_rank)"))
    if each := shape.gpus_per_rank:
        gpus = holding.gpus // holding.nodes
        room.append((gpus // each, f"it has {gpus} GPUs a node, and a rank takes {each} (gpus_per_rank)"))
    return room


async def begin_within(job_id: str, name: str, system: System, environment: Mapping[str, str]) -> str:
    """Start the agent of the first block of cluster `name` as a step of the job, and return the step's id.

    The step gets `environment` and no other. Raises SubmitRefused with srun's words.
    """
    node = os.environ.get("SLURMD_NODENAME")
    argv = (
        system.commands.srun,
        f"--jobid={job_id}",
        "--overlap",
        "--nodes=1",
        "--ntasks=1",
        *((f"--nodelist={node}",) if node else ()),  # this one, where there is a server beside it already
        "--mpi=none",
        "--input=none",
        "--export=ALL",
        f"--job-name=dask-{name}",
        *(sys.executable, "-P", "-m", "dask_hpc.block.step_block", name),
    )
    log = log_of(name, 0)
    srun = id_of(await start_detached(argv, log, step_environment(environment)))
    try:
        async with asyncio.timeout(_START_SECONDS):
            while (found := _LINE.search(_text(log))) is None and process_of(srun):  # noqa: ASYNC110 - srun writes a file
                await asyncio.sleep(_LOOK_SECONDS)
    except BaseException as error:
        end(srun)
        if isinstance(error, TimeoutError):
            raise SubmitRefused(f"job {job_id} began no step in {_START_SECONDS:g} s: {_words(name)}") from error
        raise
    if found is None:
        raise SubmitRefused(f"job {job_id} took no step: {_words(name)}")
    return found[1]


def _text(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _words(name: str) -> str:
    return " | ".join(last_log_lines(name)) or "srun said nothing"
