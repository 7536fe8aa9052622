"""Steps of a job that runs, and what that job holds: for programs that work inside the job around them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facility.errors import NotFound, Unreachable, Unreadable
from facility.profile import System
from facility.providers.slurm import scancel, squeue
from facility.providers.slurm.run import Runner
from facility.providers.slurm.text import JOB_ID, Marks, decode, read_rows, whole, word

STEP_ID = re.compile(rf"(?P<job>{JOB_ID.pattern})\.(?P<step>[0-9]{{1,9}})")
"""A step of a job: "1234.5"."""

_MEGABYTES = {"": 1, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGTP]?)")


@dataclass(frozen=True)
class Holding:
    """What a running job holds, on all of its nodes together."""

    nodes: int
    cpus: int
    memory_mb: int | None  # None: memory is not handed out on this system
    gpus: int


class SlurmSteps:
    """Questions about steps, asked of Slurm's commands."""

    def __init__(self, system: System, run: Runner, timeout: float = 25.0) -> None:
        self._commands, self._run, self._timeout = system.commands, run, timeout

    async def holding(self, job_id: str) -> Holding | None:
        """What the job holds; None where the controller knows no such job, or it holds nothing yet."""
        marks = Marks.fresh()
        fields = f"UserID:0{marks.start},tres-alloc:0{marks.end}"
        command = [self._commands.squeue, "--noheader", "--local", f"--Format={fields}", f"--jobs={job_id}"]
        done = await self._run.run(command, user=None, timeout=self._timeout)
        if done.returncode != 0 and squeue.says_unknown_id(done.stderr):
            return None
        if done.returncode != 0:
            raise Unreachable(f"{command[0]} failed: {decode(done.stderr).strip()}")
        rows = read_rows(done.stdout, marks, 1).rows
        return read_holding(rows[0][0]) if rows and word(rows[0][0]) else None

    async def is_there(self, step_id: str) -> bool:
        """Whether the step runs. Raises Unreachable where nobody can say."""
        _check(step_id)
        command = [self._commands.squeue, "--noheader", "--local", "--format=%i", f"--steps={step_id}"]
        done = await self._run.run(command, user=None, timeout=self._timeout)
        if done.returncode != 0 and not squeue.says_unknown_id(done.stderr):
            raise Unreachable(f"{command[0]} failed: {decode(done.stderr).strip()}")
        return step_id in decode(done.stdout).split()

    async def end(self, step_id: str, *, user: str) -> None:
        """Ask the step to end, by SIGTERM; its job goes on. One that has ended is no error."""
        _check(step_id)
        command = [self._commands.scancel, "--signal=TERM", step_id]
        done = await self._run.run(command, user=user, timeout=self._timeout)
        if problem := scancel.refusal(step_id, done.returncode, done.stderr):
            raise problem


def read_holding(text: str) -> Holding:
    """A list of TRES such as "cpu=8,mem=16000M,node=2,billing=8,gres/gpu=4". Raises Unreadable for another."""
    found = dict(entry.partition("=")[::2] for entry in text.strip().split(","))
    nodes, cpus = whole(found.get("node", "")), whole(found.get("cpu", ""))
    if not nodes or not cpus:
        raise Unreadable("squeue does not tell what the job holds", text)
    size = _SIZE.fullmatch(found.get("mem", ""))
    memory = int(float(size[1]) * _MEGABYTES[size[2]]) if size else None
    return Holding(nodes, cpus, memory, whole(found.get("gres/gpu", "")) or 0)


def _check(step_id: str) -> None:
    if not STEP_ID.fullmatch(step_id):
        raise NotFound(f"{step_id!r} is no step; a step's id is that of its job, a dot, and a number")
