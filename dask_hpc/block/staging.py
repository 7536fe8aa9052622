"""The agent's side of a packed environment: it comes to every node of the block's job once, by sbcast(1).

One process a node (see `environment.py`) makes room, unpacks, and removes all at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from contextlib import suppress
from pathlib import Path
from typing import Any

from dask_hpc.block.child import KILL_SECONDS, end_process, output
from dask_hpc.block.environment import ARCHIVE, ROOM, UNPACKED
from dask_hpc.jobs.in_environment import VARIABLE
from dask_hpc.jobs.within_job import is_step, job_of, step_environment
from dask_hpc.record.folder import Spec

_REMOVE_SECONDS = 60.0  # tens of thousands of files
_AGAIN_SECONDS = 10.0  # a job that is at its end takes no step any more


class NotStaged(Exception):
    """The environment did not come to all nodes; the text says where it failed, why, and what to do."""


class Staging:
    """The packed environment of one block."""

    def __init__(self, spec: Spec, job_id: str) -> None:
        self._spec = spec
        self._around = step_environment(os.environ)  # what the job says of its ranks' number is not meant here
        self._nodes = spec.job_nodes if is_step(job_id) else spec.nodes  # ranks of a step may be on any of its job's
        self._of_the_job = f"--jobid={job_of(job_id)}"
        # of this block alone: another user's file can be under no name that nobody knows
        name = f"beamside-environment-{job_id}-{secrets.token_hex(8)}"
        self._directory = Path(tempfile.gettempdir()) / name
        self._keepers: Process | None = None
        self.is_here = False

    @property
    def variables(self) -> dict[str, str]:
        """What the ranks must know of it."""
        return {VARIABLE: str(self._directory)}

    async def bring(self) -> None:
        """Have the environment on all nodes. Raises NotStaged; then, and on cancelling, no node has any of it."""
        try:
            self._keepers = await self._start(self._size(), PIPE)
            await self._all_have(self._keepers, ROOM)
            await self._cast()
            self._go_on(self._keepers)
            await self._all_have(self._keepers, UNPACKED)
            self._go_on(self._keepers)
            self.is_here = True
        except BaseException:
            await self.end()
            raise

    async def end(self) -> None:
        """Have it on no node any more; where it is on none that is nothing to do."""
        keepers, self._keepers, self.is_here = self._keepers, None, False
        if keepers is None:
            return
        await end_process(keepers, _REMOVE_SECONDS)
        if keepers.returncode:  # one that was killed has left all; another hears at once that the block ends
            with suppress(NotStaged):
                await end_process(await self._start(0, DEVNULL), _AGAIN_SECONDS)

    def _size(self) -> int:
        try:
            return Path(self._spec.environment).stat().st_size
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from error

    async def _start(self, size: int, stdin: int) -> Process:
        """Start one process on each node of the job."""
        program = (sys.executable, "-P", "-m", "dask_hpc.block.environment", str(self._directory), str(size))
        launch, *options = self._spec.launch_nodes
        argv = (launch, self._of_the_job, f"--nodes={self._nodes}", f"--ntasks={self._nodes}", *options, *program)
        try:
            return await asyncio.create_subprocess_exec(
                *argv, stdin=stdin, stdout=PIPE, stderr=STDOUT, env=self._around
            )
        except OSError as error:
            words = f"{launch} did not start: {error.strerror}; see commands in facility.toml"
            raise self._failed(words) from error

    async def _all_have(self, keepers: Process, deed: str) -> None:
        """Wait until all nodes have told this deed. Raises NotStaged with what the first one says that failed."""
        nodes: set[str] = set()
        words = "nothing was said"
        while line := await output(keepers).readline():
            told = _read(line)
            if "failed" in told:
                raise self._failed(f"node {told['node']}: {told['failed']}")
            if told.get("done") == deed:
                nodes.add(told["node"])
                if len(nodes) == told["of"]:
                    return
            if not told and line.strip():
                words = line.decode(errors="replace").strip()  # srun's own
        raise self._failed(words)

    async def _cast(self) -> None:
        argv = (
            self._spec.sbcast,
            "--force",  # nodes that share a file system take turns at the same bytes
            self._of_the_job,
            self._spec.environment,
            str(self._directory / ARCHIVE),
        )
        try:
            sbcast = await asyncio.create_subprocess_exec(
                *argv, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=self._around
            )
        except OSError as error:
            words = f"{argv[0]} did not start: {error.strerror}; see commands in facility.toml"
            raise self._failed(words) from error
        try:
            _, words_of_it = await sbcast.communicate()
        finally:
            if sbcast.returncode is None:
                await end_process(sbcast, KILL_SECONDS)
        if sbcast.returncode:
            raise self._failed(" | ".join(words_of_it.decode(errors="replace").split("\n")).strip(" |"))

    def _go_on(self, keepers: Process) -> None:
        assert keepers.stdin is not None  # noqa: S101 - it was started with a pipe
        keepers.stdin.write(b"all nodes have done that\n")

    def _failed(self, words: str) -> NotStaged:
        return NotStaged(f"packed environment {self._spec.environment} did not come to all nodes: {words}")


def _read(line: bytes) -> dict[str, Any]:
    """What a node tells; nothing where the line is srun's."""
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
