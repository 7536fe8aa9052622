"""The steps of one batch job: the ranks that came with it, and those that replaced lost ones."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

from dask_hpc.block.child import end_process, output
from dask_hpc.block.staging import NotStaged, Staging
from dask_hpc.jobs.within_job import is_step, launch_within, step_environment
from dask_hpc.mpi.alike import cure
from dask_hpc.mpi.network import mpi_network
from dask_hpc.record.folder import Spec

_LAST_LINES = 6
_GO_SECONDS = 2.0  # that ranks have, well below Slurm's KillWait
_WORDS = 4000  # characters of the last lines that are told

_OF_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
"""Variables that would mislead the Python of an image, or of a packed environment."""

Tell = Callable[..., None]


def rank_environment(environment: Mapping[str, str], spec: Spec) -> dict[str, str]:
    """The ranks' environment: MPI kept where it belongs, and one thread in each numeric library.

    A rank's parallelism is ranks and Dask's threads; BLAS threads on top would only get in one another's way.
    What the operator's prologue or the user has set is left as it is. With a Python of their own nothing of ours stays.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    whole = {**threads, **mpi_network(spec.network_interface), **environment}
    if not spec.inside:
        return whole
    return {name: value for name, value in {**whole, **spec.variables}.items() if name not in _OF_OUR_PYTHON}


def last_words(lines: Collection[str], mpi_launch: str, inside: str = "") -> str:
    """What the ranks said last, with the cure where srun could not launch MPI, or what they are `inside` lacks it."""
    words = " | ".join(lines)[-_WORDS:] or "they said nothing"
    if "MPI type" in words or "mpi/" in words:
        words += f" | mpi_launch is {mpi_launch}: set it in facility.toml to one that `srun --mpi=list` names"
    remedy = cure(words, inside, mpi_launch)
    return f"{words} | {remedy}" if remedy else words


class Steps:
    """The steps of one job. `tell` hears of each that ended: its epoch, its status, and what its ranks said last."""

    def __init__(self, spec: Spec, block: int, job_id: str, tell: Tell) -> None:
        self._spec, self._block, self._job_id, self._tell = spec, block, job_id, tell
        self._running: dict[Process, asyncio.Task[None]] = {}
        self._epochs: dict[Process, int] = {}
        self._staging = Staging(spec, job_id) if spec.environment else None
        self._leaving: asyncio.Task[None] | None = None
        self._beginning: asyncio.Task[None] | None = None  # of the first step, until the environment is there

    async def start(
        self, epoch: int, rank: int | None = None, node: str = "", *, beside: bool = False, instead: int | None = None
    ) -> None:
        """Start all ranks as one MPI world, `beside` those that run; or one lost `rank` alone on its `node`.

        A process that the lost rank was, and may still be, is named by `instead`. Ranks of a packed environment begin
        when that is on all nodes, which is not waited for.
        """
        numbers = [str(number) for number in (self._block, epoch, rank, instead) if number is not None]
        argv = (*self._launch(rank, node, beside), *self._spec.python, "-m", self._program, self._spec.name)
        argv = (*argv, self._job_id, *numbers)
        if self._staging is None or self._staging.is_here:
            await self._begin(epoch, argv)
        else:
            self._beginning = asyncio.create_task(self._bring(self._staging, epoch, argv))

    @property
    def _program(self) -> str:
        return "dask_hpc.block.rank" if self._spec.mpi else "dask_hpc.block.node"

    def _launch(self, rank: int | None, node: str, beside: bool) -> tuple[str, ...]:
        spec = self._spec
        launch: Sequence[str] = spec.launch if rank is None else [word.format(node=node) for word in spec.launch_one]
        if beside and spec.launch_one:  # then it is srun
            launch = [launch[0], "--overlap", *launch[1:]]
        return launch_within(launch, self._job_id)

    async def _bring(self, staging: Staging, epoch: int, argv: Sequence[str]) -> None:
        try:
            await staging.bring()
        except NotStaged as error:
            self._tell(ended=epoch, status=1, words=str(error))
        else:
            await self._begin(epoch, argv)

    async def _begin(self, epoch: int, argv: Sequence[str]) -> None:
        around = step_environment(os.environ) if is_step(self._job_id) else os.environ
        variables = {**rank_environment(around, self._spec), **(self._staging.variables if self._staging else {})}
        try:
            step = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=variables)
        except OSError as error:
            words = f"{argv[0]} did not start: {error.strerror}; see commands in facility.toml"
            self._tell(ended=epoch, status=127, words=words)
            return
        self._epochs[step] = epoch
        self._running[step] = asyncio.create_task(self._follow(step, epoch))

    async def end(self, patience: float, keep: Collection[int] = ()) -> None:
        """Give the ranks `patience` seconds to leave by themselves, then end what is left; not epochs to `keep`."""
        if self._beginning is not None and self._staging is not None and not keep:
            if not self._staging.is_here:
                self._beginning.cancel()
            await asyncio.wait({self._beginning})
        ending = [step for step in self._running if self._epochs[step] not in keep]
        followers = [self._running[step] for step in ending]
        await asyncio.gather(*(end_process(step, patience) for step in ending))
        await asyncio.gather(*followers)

    def job_is_over(self) -> None:
        """Slurm kills before long what runs: the environment goes now, and waits for no rank that hangs."""
        if self._staging is not None and self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(self._staging))

    async def _leave(self, staging: Staging) -> None:
        if self._running:
            await asyncio.wait(self._running.values(), timeout=_GO_SECONDS)
        await staging.end()

    async def close(self, patience: float) -> None:
        """End all steps likewise, and with them the environment on the nodes."""
        await self.end(patience)
        self.job_is_over()
        if self._leaving is not None:
            await self._leaving

    async def _follow(self, step: Process, epoch: int) -> None:
        """Pass the ranks' lines on to the job's log until the step ends; tell the last ones."""
        kept: deque[str] = deque(maxlen=_LAST_LINES)
        while line := await _line(output(step)):
            text = line.decode(errors="replace").rstrip()
            with suppress(OSError):  # a disk that is full must not end the step
                os.write(sys.stdout.fileno(), f"{text}\n".encode())
            if text:
                kept.append(text)
        status = await step.wait()
        del self._running[step], self._epochs[step]
        self._tell(ended=epoch, status=status, words=last_words(kept, self._spec.mpi_launch, self._spec.inside))


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or as much of an endless one as the reader holds."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.read(long.consumed)
