"""Where this server's knowledge of jobs comes from: the one seam, and the source of a machine that has nothing."""

from __future__ import annotations

import asyncio
from typing import Literal, Protocol

from facility.errors import NotAllowed
from facility.models import Job
from server_ext.ahead import Around
from server_ext.board import JobBoard
from server_ext.problems import Problem

SourceName = Literal["facility", "slurm", "none"]


class Source(Protocol):
    """Keeps a board true."""

    @property
    def name(self) -> SourceName:
        """What is asked: the facility service, Slurm's own commands, or nothing."""
        ...

    async def run(self) -> None:
        """Keep the board true until cancelled; says on the board what went wrong, and goes on by itself."""
        ...

    async def look(self) -> None:
        """Bring the board up to date where that costs something and is due; raises nothing of the facility's."""
        ...

    async def cancel(self, job_id: str) -> None:
        """Ask the scheduler to end a job of this user's.

        Raises FacilityError; the board shows the end when the scheduler tells of it.
        """
        ...

    async def around(self, job: Job) -> Around:
        """The reservation and the outages that a job depends on; nothing where nobody can be asked.

        Raises FacilityError.
        """
        ...

    def statistics(self) -> dict[str, object]:
        """Figures for the health route; no secrets."""
        ...


class NoSource:
    """A machine without facility and without Slurm: says so, and where to go."""

    name: SourceName = "none"

    def __init__(self, board: JobBoard, problem: Problem) -> None:
        self._board = board
        self._problem = problem

    async def run(self) -> None:
        """Say once what is missing."""
        self._board.lose(self._problem)
        await asyncio.Event().wait()

    async def look(self) -> None:
        """Say what is missing also before `run` could."""
        self._board.lose(self._problem)

    async def cancel(self, job_id: str) -> None:
        """There is nothing that could run a job."""
        raise NotAllowed(f"job {job_id} cannot be cancelled from here: {self._problem.what}")

    async def around(self, job: Job) -> Around:
        """Nobody can be asked."""
        return Around()

    def statistics(self) -> dict[str, object]:
        """Nothing is counted."""
        return {}
