"""Gangs in a step of their own: the workers hold the data and the results, the first of them starts the step.

The processes of the step (see step.py) come to the workers of their ranks for the function and its arguments.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence

from distributed import Worker
from distributed.protocol import pickle
from distributed.protocol.serialize import to_serialize

from dask_hpc.errors import GangAborted, StepFailed
from dask_hpc.gangs.member import Function, Outcome, Part, Report
from dask_hpc.gangs.stop import wait_for
from dask_hpc.jobs.within_job import job_of, step_environment
from dask_hpc.record.folder import Spec

_LAST_LINES = 6
_COME_SECONDS = 60.0
_END_SECONDS = 5.0


def step_argv(launch: Sequence[str], job: str, size: int, ranks_per_node: int) -> tuple[str, ...]:
    """The argv that starts `size` processes beside the ranks that `launch` started; one that dies takes all."""
    if not launch:
        return ()  # one process of this Python
    if "--label" not in launch:
        return (launch[0], "-l", "-n", str(size))
    kept = [word for word in launch[1:] if not word.startswith(("--nodes", "--ntasks", "--kill-on-bad-exit"))]
    nodes = -(-size // ranks_per_node)
    return (
        launch[0], *kept, f"--jobid={job_of(job)}", "--overlap", f"--nodes={nodes}", f"--ntasks={size}",
        "--kill-on-bad-exit=1", "--input=none",
    )  # fmt: skip


class Desk:
    """Where one member of a gang leaves the work for its process, and finds the result."""

    def __init__(self, work: bytes) -> None:
        self.work = work
        self.result: tuple[bool, bytes] | None = None  # whether it failed, and what it returned or raised
        self.over = asyncio.Event()
        self.is_good = False

    def outcome(self) -> Outcome:
        """What the function returned. Raises what it raised."""
        assert self.result is not None  # noqa: S101 - asked for when it is there
        failed, data = self.result
        found = pickle.loads(data)
        if failed:
            raise found
        return found


class Step:
    """The running step."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env=step_environment(os.environ),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        for line in self._process.stdout:
            sys.stdout.write(line)  # to the job's log
            if line.strip():
                self._lines.append(line.strip())

    def has_ended(self) -> bool:
        """Whether all its processes are gone."""
        return self._process.poll() is not None

    def failure(self) -> StepFailed:
        """What to say of a step that ended too soon, with its last words."""
        self._reader.join(_END_SECONDS)
        words = " | ".join(self._lines) or "it said nothing"
        return StepFailed(f"the step ended with status {self._process.returncode} and without a result: {words}")

    def kill(self) -> None:
        """End all its processes."""
        for act in (self._process.terminate, self._process.kill):
            if not self.has_ended():
                act()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return


class StepStage:
    """One rank's place for gangs in steps."""

    def __init__(self, spec: Spec, job: str) -> None:
        self._spec, self._job = spec, job
        self._desks: dict[str, Desk] = {}
        self._parts: dict[str, Part] = {}

    def attach(self, worker: Worker) -> None:
        """Answer the processes of steps."""
        self._worker = worker
        worker.handlers |= {
            "gang_step_host": self._host,
            "gang_step_work": self._work,
            "gang_step_result": self._result,
            "gang_step_over": self._over,
        }

    async def _host(self, gang: str, index: int) -> str:
        return self._parts[gang].addresses[index]

    async def _desk(self, gang: str) -> Desk:
        async with asyncio.timeout(_COME_SECONDS):  # this member's own task may still wait for its turn
            while gang not in self._desks:  # noqa: ASYNC110 - another thread lays it
                await asyncio.sleep(0.02)
        return self._desks[gang]

    async def _work(self, gang: str) -> object:
        return to_serialize((await self._desk(gang)).work)

    async def _result(self, gang: str, failed: bool, data: bytes) -> None:
        self._desks[gang].result = (failed, data)

    async def _over(self, gang: str) -> bool:
        desk = await self._desk(gang)
        await desk.over.wait()
        return desk.is_good

    def run(self, part: Part, function: Function, arguments: tuple[Outcome, ...], failed: Report) -> Outcome:
        """See `Stage.run`."""
        desk = Desk(pickle.dumps((function, arguments)))
        self._parts[part.gang], self._desks[part.gang] = part, desk
        try:
            found = self._lead(part, desk) if part.index == 0 else self._follow(part, desk)
            desk.is_good = True
        except BaseException as error:
            failed(error)
            part.stop.set(GangAborted("this rank has failed"))
            raise
        finally:
            del self._parts[part.gang], self._desks[part.gang]
            self._worker.loop.add_callback(desk.over.set)
        return found

    def _lead(self, part: Part, desk: Desk) -> Outcome:
        argv = step_argv(self._spec.launch, self._job, len(part.ranks), self._spec.ranks_per_node)
        what = (self._spec.name, part.gang, part.addresses[0], str(len(part.ranks)))
        step = Step((*argv, *self._spec.python, "-m", "dask_hpc.gangs.step", *what))
        try:
            wait_for(lambda: step.has_ended() or (desk.result is not None and desk.result[0]), part.stop)
            if desk.result is None:
                raise step.failure()
            return desk.outcome()
        finally:
            self._worker.loop.add_callback(desk.over.set)
            step.kill()

    def _follow(self, part: Part, desk: Desk) -> Outcome:
        wait_for(lambda: desk.result is not None, part.stop)
        return desk.outcome()
