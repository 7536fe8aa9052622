"""The steps of one batch job: the ranks that came with it, and those that replaced lost ones."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress

import psutil

from dask_hpc.jobs.within_job import is_step, launch_within, step_environment
from dask_hpc.mpi.alike import cure
from dask_hpc.mpi.network import mpi_network
from dask_hpc.record.folder import Spec

KILL_SECONDS = 5.0
_LAST_LINES = 6
_WORDS = 4000  # characters of the last lines that are told

_OF_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
"""Variables that would mislead the Python of an image."""

Tell = Callable[..., None]


def rank_environment(environment: Mapping[str, str], spec: Spec) -> dict[str, str]:
    """The ranks' environment: MPI kept where it belongs, and one thread in each numeric library.

    A rank's parallelism is ranks and Dask's threads; BLAS threads on top would only get in one another's way.
    What the operator's prologue or the user has set is left as it is. In an image nothing of our own Python stays.
    """
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    whole = {**threads, **mpi_network(spec.network_interface), **environment}
    if not spec.image:
        return whole
    return {name: value for name, value in {**whole, **spec.variables}.items() if name not in _OF_OUR_PYTHON}


def last_words(lines: Collection[str], mpi_launch: str, image: str = "") -> str:
    """What the ranks said last, with the cure where srun could not launch MPI, or their `image` lacks something."""
    words = " | ".join(lines)[-_WORDS:] or "they said nothing"
    if "MPI type" in words or "mpi/" in words:
        words += f" | mpi_launch is {mpi_launch}: set it in facility.toml to one that `srun --mpi=list` names"
    remedy = cure(words, image, mpi_launch)
    return f"{words} | {remedy}" if remedy else words


class Steps:
    """The steps of one job. `tell` hears of each that ended: its epoch, its status, and what its ranks said last."""

    def __init__(self, spec: Spec, block: int, job_id: str, tell: Tell) -> None:
        self._spec, self._block, self._job_id, self._tell = spec, block, job_id, tell
        self._running: dict[Process, asyncio.Task[None]] = {}
        self._epochs: dict[Process, int] = {}

    async def start(
        self, epoch: int, rank: int | None = None, node: str = "", *, beside: bool = False, instead: int | None = None
    ) -> None:
        """Start all ranks as one MPI world, `beside` those that run; or one lost `rank` alone on its `node`.

        A process that the lost rank was, and may still be, is named by `instead`.
        """
        spec, around = self._spec, step_environment(os.environ) if is_step(self._job_id) else os.environ
        launch: Sequence[str] = spec.launch if rank is None else [word.format(node=node) for word in spec.launch_one]
        if beside and spec.launch_one:  # then it is srun
            launch = [launch[0], "--overlap", *launch[1:]]
        numbers = [str(number) for number in (self._block, epoch, rank, instead) if number is not None]
        python = (*spec.python, "-m", "dask_hpc.block.rank", spec.name, self._job_id, *numbers)
        argv = (*launch_within(launch, self._job_id), *python)
        try:
            step = await asyncio.create_subprocess_exec(
                *argv, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=rank_environment(around, spec)
            )
        except OSError as error:
            words = f"{argv[0]} did not start: {error.strerror}; see commands in facility.toml"
            self._tell(ended=epoch, status=127, words=words)
            return
        self._epochs[step] = epoch
        self._running[step] = asyncio.create_task(self._follow(step, epoch))

    async def end(self, patience: float, keep: Collection[int] = ()) -> None:
        """Give the ranks `patience` seconds to leave by themselves, then end what is left; not epochs to `keep`."""
        ending = [step for step in self._running if self._epochs[step] not in keep]
        followers = [self._running[step] for step in ending]
        await asyncio.gather(*(end_process(step, patience) for step in ending))
        await asyncio.gather(*followers)

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
        self._tell(ended=epoch, status=status, words=last_words(kept, self._spec.mpi_launch, self._spec.image))


def output(process: Process) -> asyncio.StreamReader:
    """The output of a process that was started with a pipe."""
    assert process.stdout is not None  # noqa: S101 - every process here is
    return process.stdout


async def end_process(process: Process, patience: float) -> None:
    """Give the process `patience` seconds to end, then terminate it, then kill it and what it started."""
    if process.stdin is not None:
        process.stdin.close()
    for seconds, act in ((patience, process.terminate), (KILL_SECONDS, lambda: _kill_all(process.pid))):
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            act()
    await process.wait()


def _kill_all(process: int) -> None:
    """A process that was stopped outlives whoever started it."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process)
        for one in [*parent.children(recursive=True), parent]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or as much of an endless one as the reader holds."""
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.read(long.consumed)
