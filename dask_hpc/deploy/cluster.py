"""MPICluster: a Dask cluster of MPI ranks in batch jobs, which any kernel of its user can join by name."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Self

from dask.utils import parse_timedelta
from distributed import Client
from distributed.core import Status
from distributed.utils import LoopRunner

from dask_hpc.config import Knobs, Provider, read_knobs, read_provider
from dask_hpc.deploy.handle import Handle
from dask_hpc.deploy.listing import listing
from dask_hpc.deploy.placing import Place, read_place
from dask_hpc.gangs.run import Call, Isolation, Ranks, Started, Thing, run_mpi
from dask_hpc.gangs.without_mpi import refusal
from dask_hpc.jobs.blocks import blocks_of
from dask_hpc.jobs.follow import look
from dask_hpc.jobs.in_this_job import own_job, recipe_within
from dask_hpc.jobs.recipe import make_recipe, recipe_again
from dask_hpc.record.names import made_up_name
from dask_hpc.request.profiles import shape_of
from dask_hpc.request.shape import ARGUMENTS
from facility.clusters import ClusterRecord, check_name
from facility.errors import SubmitRefused
from facility.profile import load_profile

_LOOK_SECONDS = 0.1


class MPICluster(Handle):
    """A named Dask cluster of blocks; a block is one batch job whose `srun` step's MPI ranks are the workers.

    Making one submits the first block and returns; `get_client` and `wait_for_workers` wait for it, and say what it
    waits for. The cluster belongs to its name, not to the kernel that made it: it lives on when that kernel dies, and
    `MPICluster.from_name` joins it from anywhere the same user works. It ends by `close`, by its time limits
    (`dask_hpc.idle-timeout`, `dask_hpc.no-client-timeout`), or with its first job, which holds the scheduler.

    What is not said here is the profile's, or else that of `dask.config` under `dask_hpc`.

    Parameters
    ----------
    name : 1 to 40 of a-z, 0-9 and "-"; made up where None.
    profile : named defaults: of facility.toml, or "jobqueue.slurm" for that section of dask-jobqueue's yaml.
    nodes, ranks_per_node : of each block; its MPI world is their product, and every rank is a worker.
    blocks : how many to begin with; `scale` and `adapt` change it.
    threads_per_rank, memory_per_rank, gpus_per_rank : of each rank; memory in bytes, or "4 GiB".
    qos : empty means the site's realtime QOS, "-" the account's default one.
    partition, account : empty means the site's and the user's default.
    reservation, constraint : empty means none.
    image : the container image that the ranks run in, as the catalogue names it; empty means none.
    packed_environment : the archive of an environment, which every node gets once and whose Python the ranks run.
    mpi : False has each node import Python's packages once and fork its workers, which then are no ranks.
    walltime : a timedelta, "1:30:00" or "90 minutes"; else the system's default, cut to what fits.
    scheduler : where it is: "job" in the first block's, "here" on this machine, "client" as long as this process lives.
    provider : "slurm" submits by Slurm's commands, "superfacility" by the Superfacility API; else what is there.
    asynchronous : use it with `await` and `async with`, in the loop that runs.

    Raises
    ------
    OptionError for an argument that cannot be, with what there is; NameTaken, SubmitRefused with Slurm's own words,
    ProfileError.

    Examples
    --------
    >>> cluster = MPICluster("tonight", nodes=2, ranks_per_node=2, reservation="beam-042")  # doctest: +SKIP
    >>> client = cluster.get_client()  # doctest: +SKIP
    """

    def __init__(  # noqa: PLR0913 - all but the name are keywords, with defaults
        self,
        name: str | None = None,
        *,
        profile: str | None = None,
        nodes: int | None = None,
        ranks_per_node: int | None = None,
        threads_per_rank: int | None = None,
        memory_per_rank: int | str | None = None,
        gpus_per_rank: int | None = None,
        blocks: int | None = None,
        qos: str | None = None,
        partition: str | None = None,
        account: str | None = None,
        reservation: str | None = None,
        constraint: str | None = None,
        image: str | None = None,
        packed_environment: str | os.PathLike[str] | None = None,
        mpi: bool | None = None,
        walltime: timedelta | str | None = None,
        scheduler: Place = "job",
        provider: Provider | None = None,
        asynchronous: bool = False,
    ) -> None:
        asked = {field: value for field, value in locals().items() if field in ARGUMENTS}
        system, knobs = load_profile().system, _knobs(provider)
        shape, notes = shape_of(asked, profile, system)
        made = replace(make_recipe(shape, system, knobs), place=read_place(scheduler)), shape.blocks
        self._open(check_name(made_up_name() if name is None else name), made, asynchronous, notes)

    @classmethod
    def in_this_job(  # noqa: PLR0913 - as above
        cls,
        name: str | None = None,
        *,
        nodes: int | None = None,
        ranks_per_node: int | None = None,
        threads_per_rank: int | None = None,
        memory_per_rank: int | str | None = None,
        gpus_per_rank: int | None = None,
        image: str | None = None,
        packed_environment: str | os.PathLike[str] | None = None,
        mpi: bool | None = None,
        asynchronous: bool = False,
    ) -> Self:
        """A cluster inside the job that this process runs in: its scheduler and ranks are steps beside what is there.

        It waits in no queue, and closing it leaves the job. `nodes` are all of the job, and `ranks_per_node` as many as
        its CPUs, memory and GPUs have room for, where nothing else is said. Blocks that `scale` adds are jobs of their
        own. Where there is no scheduler it is a cluster of this machine.

        Raises NotFound outside of a job, OptionError for what the job does not have, and what `MPICluster` raises.
        """
        asked = {field: value for field, value in locals().items() if field in ARGUMENTS}
        system, knobs = load_profile().system, _knobs("slurm")  # its steps are made by srun
        if system.scheduler == "none":
            return cls(name, **asked, asynchronous=asynchronous)
        around = LoopRunner().run_sync(own_job, system)
        made = recipe_within(around, system, knobs, asked), 1
        cluster = cls.__new__(cls)
        cluster._open(check_name(made_up_name() if name is None else name), made, asynchronous)
        return cluster

    @classmethod
    def from_name(cls, name: str, *, asynchronous: bool = False) -> Self:
        """Join the cluster `name`, whichever kernel made it. Leaving it again ends nothing.

        Raises NotFound where there is none; `get_client` raises ClusterEnded where its job is over.
        """
        cluster = cls.__new__(cls)
        cluster._open(check_name(name), None, asynchronous)
        return cluster

    @classmethod
    def start_again(cls, name: str, *, asynchronous: bool = False) -> Self:
        """Make the cluster `name` anew as it was asked for, after its job has failed or ended.

        It has as many blocks as it was last asked to have. A cluster that was closed has left nothing to begin with.
        Raises NotFound where nothing is left of it, NameTaken while it is alive, and what `MPICluster` raises.
        """
        made = recipe_again(check_name(name))
        cluster = cls.__new__(cls)
        cluster._open(name, made, asynchronous)
        return cluster

    @classmethod
    def list(cls) -> list[ClusterRecord]:
        """This user's clusters, newest first; one that failed is shown with its reason until its name is used again.

        One at whose address another scheduler answers has the state "stale".
        """
        found: list[ClusterRecord] = LoopRunner().run_sync(listing, blocks_of(load_profile().system, read_knobs()))
        return found

    # -- use ---------------------------------------------------------------------------------------------------------

    def get_client(self) -> Client:
        """A Dask client of this cluster, the current one where it is ours; waits until the scheduler answers.

        Raises ClusterEnded, with the last lines of the job's log, when the job is over.
        """
        if self.asynchronous:
            return Client(self, asynchronous=True)
        if self.status != Status.running:  # else the scheduler answers
            self.sync(self._ready)
        client: Client = super().get_client()
        return client

    def run_mpi(
        self,
        fn: Callable[..., Thing],
        *args: Thing,
        ranks: Ranks = None,
        inputs: Sequence[Thing] | None = None,
        timeout: float | str | None = None,
        isolation: Isolation = "worker",
    ) -> Started:
        """Call `fn(comm, *args)` on many ranks at once, `comm` being an MPI communicator of these ranks.

        All ranks begin, or none does. An exception on one rank ends the gang on all. Where the cluster is
        asynchronous this is awaited, and goes through its current client.

        Parameters
        ----------
        fn, args : the function and what every rank gets; futures among the arguments become their results.
        ranks : how many, all of one block; or a list of ranks of the block; None means all that a block has.
        inputs : one for each rank, which gets it before `args`; an MPIFuture hands on what each rank returned.
        timeout : after so long, waiting included, the gang is ended with GangTimeout; seconds, or "2 minutes".
        isolation : "worker" runs in the workers, for functions that call MPI through `comm`; "step" in processes of
            their own, which are killed when one fails: a crash, or a hang in code that calls MPI itself, hurts nobody.

        Raises
        ------
        NoMpi, at once, where the workers are no ranks; NotEnoughRanks, which names the ranks that are missing; what
        goes wrong later is raised by the result.
        """
        self._check_mpi()
        client = Client.current() if self.asynchronous else self.get_client()
        return run_mpi(client, fn, args, Call(ranks, inputs, timeout, isolation))

    def regang(self, block: int | None = None) -> Awaitable[None] | None:
        """Bring the ranks of a block together as one new MPI world; without a number, of all blocks that need it.

        A rank that was replaced alone is a world of its own. The new ranks come beside the old ones, which end their
        gangs and tasks, hand over their results and leave; what a function kept in their memory otherwise is gone.
        It returns when they have left, and happens by itself where a gang needs it, where the block is idle, and
        before MPI's communicators run out. Raises RegangFailed; then the old ranks work on. NoMpi as `run_mpi`.
        """
        self._check_mpi()
        done: Awaitable[None] | None = self.sync(self._regang, block)
        return done

    def _check_mpi(self) -> None:
        if not self._has_mpi:
            raise refusal(self.name)

    async def _regang(self, block: int | None) -> None:
        await self._ready()
        assert self.scheduler_comm is not None  # noqa: S101 - the scheduler answers
        await self.scheduler_comm.regang(block=block)

    def wait_for_workers(self, n_workers: int = 0, timeout: float | str | None = None) -> None:
        """Wait for `n_workers` ranks, by default for all that are planned.

        Raises TimeoutError after `timeout` (seconds, or "2 minutes"), saying what the job waits for, SubmitRefused
        where they cannot come because Slurm refused a block, and ClusterEnded when the cluster is over.
        """
        done: None = self.sync(self._wait_for_workers, n_workers, timeout=timeout)  # where asynchronous, an awaitable
        return done

    async def _wait_for_workers(self, n_workers: int = 0, timeout: float | str | None = None) -> None:
        record = await self._begin()
        wanted = n_workers or len(self.plan)
        try:
            async with asyncio.timeout(None if timeout is None else parse_timedelta(timeout)):
                await self._ready()
                while len(self.scheduler_info["workers"]) < wanted:
                    await self._check_scheduler()
                    if self._heard.refused and len(self.plan) < wanted:
                        raise SubmitRefused(self._heard.refused)
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError as error:
            here = len(self.scheduler_info["workers"])
            why = self._waits_for() or self._told if self.scheduler_comm else await look(record, self._provider)
            raise TimeoutError(f"{here} of {wanted} workers came in time: {why}") from error


def _knobs(provider: str | None) -> Knobs:
    """The knobs, with the provider that was asked for. Raises OptionError for one that there is not."""
    return read_knobs() if provider is None else replace(read_knobs(), provider=read_provider(provider))
