"""Blocks as batch jobs that a Superfacility API submits, follows and cancels, where there are no commands of Slurm's.

What runs in such a job is what Slurm's commands would have started there. Once it runs, the scheduler in it asks for
further blocks by the commands of its node: no token leaves this process for it.
"""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from dask_hpc.config import Knobs
from dask_hpc.jobs import processes
from dask_hpc.jobs.on_slurm import HANDED_ON, SlurmBlocks, job_script, log_pattern, options_of, refusal
from dask_hpc.jobs.within_job import is_step, job_of
from dask_hpc.record.folder import folder_of, write_file
from facility.clusters import directory
from facility.credentials import KEY_VARIABLE, PATIENCE, URL_VARIABLE, Access, find_access
from facility.errors import HomeRefused, NotOffered, OptionError, ProfileError, SubmitRefused, Unreachable
from facility.models import Job, JobRequest, Reservation
from facility.profile import System, load_profile
from facility.providers import Batch
from facility.providers.sfapi import SfApi

ENVIRONMENT = "environment.sh"
"""In the cluster's folder: what the job has of its maker's environment. The API is not told of it."""

OF_THE_NODE = frozenset({"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH"})
"""What differs between this machine and the node, so that the job keeps its own unless `environment` names it."""

VERSION = "/api/v1.2"


class SuperfacilityBlocks:
    """This user's batch jobs, as the owner of the token that `facility.credentials` finds."""

    def __init__(self, system: System, knobs: Knobs) -> None:
        self._system, self._knobs = system, knobs
        self._here = SlurmBlocks(system, knobs)  # for what needs no command: how steps of a job are launched
        self._access: Access | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """See `Blocks.environment`; a scheduler of this machine needs to find facility and key, which is a path."""
        found = {name: os.environ[name] for name in (URL_VARIABLE, KEY_VARIABLE) if name in os.environ}
        return {**self._here.environment, **found}

    def launch(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """See `SlurmBlocks.launch`."""
        return self._here.launch(request, ranks_per_node, mpi)

    def launch_one(self, request: JobRequest, ranks_per_node: int, mpi: bool = True) -> tuple[str, ...]:
        """See `SlurmBlocks.launch_one`."""
        return self._here.launch_one(request, ranks_per_node, mpi)

    def launch_nodes(self) -> tuple[str, ...]:
        """See `SlurmBlocks.launch_nodes`."""
        return self._here.launch_nodes()

    async def submit(self, request: JobRequest, name: str, ranks_per_node: int, block: int = 0) -> str:
        """See `Blocks.submit`. A job whose answer was lost is looked for by its nonce, never submitted again."""
        self._leave_environment(name)
        batch = Batch(
            script=job_script(
                self._system, name, block, options_of(request, ranks_per_node), str(folder_of(name) / ENVIRONMENT)
            ),
            name=f"dask-{name}",
            directory=str(Path.cwd()),
            output=log_pattern(name, block),
            comment=f"bs-dask-{secrets.token_hex(8)}",
        )
        async with self._api() as api:
            try:
                return await api.submit(request, batch)
            except SubmitRefused as error:
                raise refusal(error, request) from error
            except Unreachable:
                found = await api.find_by_nonce(batch.comment)
                if not found:
                    raise
                return found[0].id

    async def job(self, job_id: str) -> Job | None:
        """See `Blocks.job`; of a step the API tells nothing, so that it counts as long as its job does."""
        if processes.is_process(job_id):
            return processes.as_job(job_id)
        async with self._api() as api:
            job = await api.job(job_of(job_id))
        return job if job is None else replace(job, id=job_id)

    async def ends(self, job_ids: Sequence[str]) -> dict[str, datetime]:
        """None: the API tells times in the machine's own zone, and not which. Slurm's own notice comes all the same."""
        return {}

    async def cancel(self, job_id: str) -> None:
        """See `Blocks.cancel`. Raises NotOffered for a step, which only the commands of its machine can end alone."""
        if processes.is_process(job_id):
            processes.end(job_id)
            return
        if is_step(job_id):
            words = f"{job_id} is a step of job {job_of(job_id)}, which goes on: close the cluster where Slurm's are"
            raise NotOffered(f"the Superfacility API ends whole jobs, and {words}")
        async with self._api() as api:
            await api.cancel(job_id)

    async def reservations(self) -> Sequence[Reservation]:
        """See `Blocks.reservations`. Raises NotOffered: the API has no such question."""
        async with self._api() as api:
            return await api.reservations()

    async def offer(self, request: JobRequest) -> None:
        """See `Blocks.offer`: the API does not tell of QOS and partitions, so Slurm judges what is asked for."""

    async def ahead(self, job: Job) -> None:
        """See `Blocks.ahead`: the API does not tell."""

    def _leave_environment(self, name: str) -> None:
        """Put it where the job finds it. Raises HomeRefused where the disk does not take it."""
        try:
            write_file(name, ENVIRONMENT, exports(self._knobs.environment))
        except OSError as error:
            words = f"{folder_of(name)} does not take a file: {error.strerror}; nothing was submitted"
            raise HomeRefused(words) from error

    @asynccontextmanager
    async def _api(self) -> AsyncIterator[SfApi]:
        """The API for one question or two: they are minutes apart, and may come from several event loops."""
        try:
            self._access = access = self._access or find_access()
            api = SfApi(access.url + VERSION, load_profile().system_name, access.token, patience=PATIENCE)
            try:
                yield api
            finally:
                await api.aclose()
        except ProfileError as error:  # who has no key may not know that one is needed
            raise ProfileError(f"{_because(self._system)}: {error}") from error


def exports(further: Sequence[str]) -> bytes:
    """Lines for the job's shell: what it has of this process's environment, and where the clusters' folder is.

    Raises OptionError for a name of `dask_hpc.environment` that a shell cannot set.
    """
    names = [*(name for name in HANDED_ON if name not in OF_THE_NODE), *further]
    if wrong := [name for name in names if not (name.isascii() and name.isidentifier())]:
        raise OptionError("environment", f"{wrong[0]!r} is no name of a variable")
    found = {name: os.environ[name] for name in names if name in os.environ}
    found["XDG_STATE_HOME"] = str(directory().parents[1])
    return os.fsencode("".join(f"export {name}={shlex.quote(value)}\n" for name, value in found.items()))


def _because(system: System) -> str:
    """Why the API is asked at all."""
    why = f'provider is "superfacility", or there is no {system.commands.sbatch} here'
    return f"jobs go by the Superfacility API ({why})"
