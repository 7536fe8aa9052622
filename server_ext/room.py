"""What the handlers share: the board, its source, and which job this server runs in."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from facility.errors import FacilityError
from facility.models import Job
from server_ext.ahead import Ahead, ahead
from server_ext.board import JobBoard
from server_ext.problems import Problem
from server_ext.source import Source

PAUSE = 5.0
"""Seconds before a source that failed in a way nobody foresaw is started again."""

LOOK = 60.0
"""Seconds between two questions for the reservation and the outages that this session depends on; about."""


def session_job_id(environment: Mapping[str, str]) -> str:
    """The batch job this server runs in: as the hub told it, else as Slurm did; empty outside any job."""
    return environment.get("BEAMSIDE_JOB_ID") or environment.get("SLURM_JOB_ID", "")


@dataclass(frozen=True)
class Room:
    """One per server."""

    board: JobBoard
    source: Source
    session_job_id: str
    early: timedelta = timedelta(0)  # how long before the end of its walltime this server may be asked to end

    @property
    def session_job(self) -> Job | None:
        """The job this server runs in, as last told; None outside a job and while it was never told of."""
        return (self.board.jobs or {}).get(self.session_job_id)

    @property
    def ahead(self) -> Ahead:
        """What lies ahead of this session, as last told."""
        return ahead(self.session_job, self.board.around, self.early)

    async def keep_true(self, log: logging.Logger) -> None:
        """Run the source, whatever it does."""
        while True:
            try:
                await self.source.run()
            except Exception as error:  # outermost loop: it is shown, and the panel lives on
                log.exception("the source of jobs (%s) failed", self.source.name)
                what = f"beamside's own code failed ({type(error).__name__})"
                self.board.lose(Problem(what, "your jobs", "Tell the operator, with the server's log.", 500))
            await asyncio.sleep(PAUSE)

    async def look_around(self, log: logging.Logger) -> None:
        """Ask now and then for what the session depends on besides its job; what was told last holds until the next."""
        while self.session_job_id:
            job = self.session_job
            if job is not None and not job.state.is_final:
                try:
                    self.board.surround(await self.source.around(job))
                except FacilityError as error:
                    log.info("what lies ahead of job %s is not known: %s", job.id, error)
                except Exception:  # outermost loop: it is shown, and the next question may have an answer
                    log.exception("what lies ahead of job %s is not known", job.id)
            pause = PAUSE if job is None else LOOK
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - spreads servers, guards nothing
