"""Blocks as batch jobs: what the script says, what the job's environment holds, how a lost answer is found again."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from dask_hpc.config import Knobs
from dask_hpc.jobs import processes
from dask_hpc.jobs.asking_images import images_of
from dask_hpc.jobs.asking_slurm import offer_of
from dask_hpc.jobs.within_job import is_step, job_of
from dask_hpc.record.folder import log_of
from facility.errors import SubmitRefused, Unreachable
from facility.models import NO_IMAGE, Job, JobRequest, JobState, Reservation
from facility.offer import Offer
from facility.profile import System
from facility.providers.slurm import DirectRunner, Slurm, slurm_environment
from facility.providers.slurm.run import current_user
from facility.providers.slurm.steps import SlurmSteps
from facility.script import render_script

HANDED_ON = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR",
    "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX",
    "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "DASK_CONFIG", "NUMBA_CACHE_DIR", "BEAMSIDE_PROFILE",
)  # fmt: skip
"""What the job may have of the notebook's environment. A list of what may pass, because tokens live there too."""

_NOTICE = "--signal=B:USR1@120"  # to the agent; Slurm sends it up to a minute earlier
_NOTICED = timedelta(minutes=5)  # shorter jobs end without notice


def job_environment(environment: Mapping[str, str], further: Iterable[str]) -> dict[str, str]:
    """The chosen part of `environment`, with the names of `dask_hpc.environment` on top."""
    return {name: environment[name] for name in (*HANDED_ON, *further) if name in environment}


def job_script(system: System, name: str, block: int, options: Sequence[str] = (), environment: str = "") -> bytes:
    """The batch script: the operator's lines, then the block agent under the Python that runs this.

    options : of sbatch, for who submits without command line.   environment : a file of shell lines to begin with.
    """
    facts = {"PYTHON": sys.executable, "CLUSTER": name, "BLOCK": str(block)}
    facts |= {"ENVIRONMENT": environment} if environment else {}
    agent = "exec @PYTHON@ -P -m dask_hpc.block.job @CLUSTER@ @BLOCK@"
    first = (*(f"#SBATCH {option}" for option in options), *((". @ENVIRONMENT@",) if environment else ()))
    return render_script("\n".join(("#!/bin/bash", *first, *system.mpi_prologue, agent, "")), facts)


def options_of(request: JobRequest, ranks_per_node: int) -> tuple[str, ...]:
    """What every block asks of sbatch, whoever submits it, besides the request."""
    notice = () if request.walltime < _NOTICED else (_NOTICE,)
    return (f"--ntasks-per-node={ranks_per_node}", "--no-requeue", "--input=none", *notice)


def log_pattern(name: str, block: int) -> str:
    """Where the job of a block prints to, as --output has it: sbatch(1), FILENAME PATTERN."""
    return str(log_of(name, block)).replace("%", "%%")


class SlurmBlocks:
    """This user's batch jobs. Slurm's commands see only the environment that the job may have."""

    def __init__(self, system: System, knobs: Knobs) -> None:
        self._system, self._knobs = system, knobs
        self._environment = job_environment(os.environ, knobs.environment) | slurm_environment(system)
        self._run = run = DirectRunner(self._environment)
        self._slurm, self._steps = Slurm(system, run), SlurmSteps(system, run)

    @property
    def environment(self) -> Mapping[str, str]:
        """See `Blocks.environment`."""
        return self._environment

    def launch(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """One srun step over all nodes of the job."""
        tasks = ranks_per_node if mpi else 1
        return (
            self._system.commands.srun,
            self._mpi(mpi),
            f"--nodes={request.nodes}",
            f"--ntasks={request.nodes * tasks}",
            f"--ntasks-per-node={tasks}",
            self._cpus(ranks_per_node // tasks),
            *_all_gpus(request),
            "--kill-on-bad-exit=0",  # one lost rank must not take the others' results with it
            "--wait=0",  # nor may Slurm's WaitTime
            "--export=ALL",  # sbatch --export leaves SLURM_EXPORT_ENV, which would cut the ranks' environment
            "--label",
        )

    def launch_one(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """A step of one rank beside the others', on the node of the lost one.

        Without `mpi` it has the CPUs of all workers of the node, of which it takes the lost one's.
        """
        return (
            self._system.commands.srun,
            self._mpi(mpi),
            "--overlap",
            "--nodes=1",
            "--ntasks=1",
            "--ntasks-per-node=1",
            "--nodelist={node}",
            self._cpus(1 if mpi else ranks_per_node),
            *_all_gpus(request),
            "--export=ALL",
            "--label",
        )

    def _mpi(self, mpi: bool) -> str:
        return f"--mpi={self._system.mpi_launch if mpi else 'none'}"

    def _cpus(self, ranks: int) -> str:
        return f"--cpus-per-task={ranks * self._knobs.threads_per_rank}"

    def launch_nodes(self) -> tuple[str, ...]:
        """A step that takes none of the job's CPUs, memory or GPUs from the ranks."""
        return (
            self._system.commands.srun,
            "--mpi=none",
            "--overlap",
            "--ntasks-per-node=1",
            "--mem=0",
            "--gres=none",
            "--kill-on-bad-exit=0",
            "--wait=0",
            "--input=all",
            "--export=ALL",
        )

    async def submit(self, request: JobRequest, name: str, ranks_per_node: int, block: int = 0) -> str:
        """See `Blocks.submit`. A job whose answer was lost is looked for by its nonce, never submitted again."""
        nonce = f"bs-dask-{secrets.token_hex(8)}"
        exported = f"--export={','.join(sorted(self._environment))}"
        try:
            return await self._slurm.submit(
                request,
                job_script(self._system, name, block),
                user=current_user(),
                name=f"dask-{name}",
                comment=nonce,
                directory=str(Path.cwd()),
                output=log_pattern(name, block),
                extra=(exported, *options_of(request, ranks_per_node)),
            )
        except SubmitRefused as error:
            raise refusal(error, request) from error
        except Unreachable:
            found = await self._slurm.find_by_nonce(current_user(), nonce)
            if not found:
                raise
            return found[0].id

    async def job(self, job_id: str) -> Job | None:
        """See `Blocks.job`; a step ends with its job."""
        if processes.is_process(job_id):
            return processes.as_job(job_id)
        job = await self._slurm.job(job_of(job_id))
        if job is None or job.state.is_final or not is_step(job_id):
            return job
        return replace(job, id=job_id) if await self._steps.is_there(job_id) else None

    async def ends(self, job_ids: Sequence[str]) -> dict[str, datetime]:
        """See `Blocks.ends`: by walltime, by preemption, or with their reservation; a step ends with its job."""
        jobs = {one: job_of(one) for one in job_ids if not processes.is_process(one)}
        held = (await self._slurm.held(sorted(set(jobs.values())))).jobs if jobs else ()
        running = [job for job in held if job.state is JobState.RUNNING and job.ends]
        reservations = await self.reservations() if any(job.reservation for job in running) else ()
        closed = {one.name: one.ends for one in reservations if not one.is_flexible}
        ends = {job.id: min(job.ends, closed.get(job.reservation, job.ends)) for job in running if job.ends}
        return {one: ends[job] for one, job in jobs.items() if job in ends}

    async def cancel(self, job_id: str) -> None:
        """See `Blocks.cancel`; the job around a step goes on."""
        if processes.is_process(job_id):
            processes.end(job_id)
        elif is_step(job_id):
            await self._steps.end(job_id, user=current_user())
        else:
            await self._slurm.cancel(job_id, user=current_user())

    async def reservations(self) -> Sequence[Reservation]:
        """See `Blocks.reservations`."""
        return await self._slurm.reservations()

    async def offer(self, request: JobRequest) -> Offer:
        """See `Blocks.offer`."""
        if request.image == NO_IMAGE:
            return await offer_of(self._slurm, current_user())
        offer, images = await asyncio.gather(offer_of(self._slurm, current_user()), images_of(self._system, self._run))
        return replace(offer, images=images)

    async def ahead(self, job: Job) -> int | None:
        """See `Blocks.ahead`."""
        return await self._slurm.ahead(job)


def _all_gpus(request: JobRequest) -> tuple[str, ...]:
    """Options of srun by which all tasks of a node see all GPUs that the job has there, each task in its place.

    Each rank takes its own (see `dask_hpc.mpi.gpus`), by its place on the node, where ranks follow one another.
    """
    if not request.gpus_per_node:
        return ()
    return (f"--gpus-per-node={request.gpus_per_node}", "--distribution=block")


def refusal(error: SubmitRefused, request: JobRequest) -> SubmitRefused:
    """Slurm's words with what was asked for beside them."""
    asked = f"{request.nodes} nodes, QOS {request.qos}, account {request.account or '(default)'}"
    asked += f", reservation {request.reservation}" if request.reservation else ""
    return SubmitRefused(f"{error} (asked for: {asked}, {request.walltime})")
