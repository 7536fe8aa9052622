"""compute: jobs as squeue and sacct tell of them; submitting and cancelling as the caller."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Path, Query
from pydantic import BaseModel, Field

from facility.errors import OptionError, Refused
from facility.service.caller import Caller, ScopeMissing
from facility.service.jobs.submission import JobCallback, Script
from facility.service.parts import Parts
from facility.service.routers.sfapi.asking import ERRORS, PREFIX, Machine, refused, started
from facility.service.routers.sfapi.models import Jobs, Started
from facility.service.scheduler.job_rows import Wanted
from facility.service.web.access import ServiceParts, needs

router = APIRouter(prefix=f"{PREFIX}/compute", tags=["Superfacility compute"], responses=ERRORS)
Reader = Annotated[Caller, Depends(needs("jobs"))]
Submitter = Annotated[Caller, Depends(needs("jobs:submit"))]
JobId = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,9}(?:[_+][0-9]{1,9})?$")]

LONGEST_CALLBACK = 30 * 86400  # seconds
FILTERS = frozenset({"jobid", "user", "partition", "account", "starttime", "endtime"})


class Listing(BaseModel):
    """How jobs are asked for."""

    sacct: bool = Field(False, description="from accounting; else those that the scheduler holds")
    cached: bool = Field(True, description="as the last look at the queue saw them; else the scheduler is asked")
    kwargs: list[str] = Field([], max_length=20, description="e.g. jobid=7,8 or user=ana or partition=main")
    index: int = Field(0, ge=0, description="how many are left out at the beginning")
    limit: int = Field(0, ge=0, description="how many there are at most; 0: all")


class NewJob(BaseModel):
    """A job to submit."""

    job: str = Field(description="the script, or its path")
    isPath: bool
    args: list[str] = Field([], description="the script's own")
    callbackUrl: str = Field("", description="told when the job ends")
    callbackEmail: str = Field("", description="one's own account, where the site sends e-mail")
    callbackTimeout: int | None = Field(
        None, ge=0, le=LONGEST_CALLBACK, description="seconds after which it is told how the job is, at the latest"
    )


def read_wanted(kwargs: list[str]) -> Wanted:
    """The jobs that `kwargs` ask for. Raises OptionError for a word that narrows nothing here."""
    given = dict(word.partition("=")[::2] for word in kwargs)
    if unknown := sorted(set(given) - FILTERS):
        raise OptionError("kwargs", f"{unknown[0][:40]!r} is no filter; there are {', '.join(sorted(FILTERS))}")
    ids = tuple(word for word in given.get("jobid", "").split(",") if word)
    words = {name: given.get(name, "") for name in ("user", "partition", "account")}
    return Wanted(ids, **words, since=_time(given.get("starttime", "")), until=_time(given.get("endtime", "")))


def _time(text: str) -> datetime | None:
    """A time as ISO 8601 writes it; without a zone it is the facility's own, as Slurm reads it."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise OptionError("kwargs", f"{text[:40]!r} is no time; write e.g. 2026-11-22T18:00:00") from error


async def find_jobs(parts: Parts, caller: Caller, asked: Listing, wanted: Wanted) -> Jobs:
    """The rows that the caller may see."""
    if asked.sacct:
        rows = await parts.job_rows.records(caller, wanted)
    else:
        rows = await parts.job_rows.queue(caller, wanted, fresh=not asked.cached)
    end = asked.index + asked.limit if asked.limit else None
    return Jobs(status="OK", output=rows[asked.index : end])


@router.get("/jobs/{machine}")
async def jobs(parts: ServiceParts, caller: Reader, machine: Machine, asked: Annotated[Listing, Query()]) -> Jobs:
    """The caller's jobs; a project's for its coordinators, everybody's for operators."""
    return await find_jobs(parts, caller, asked, read_wanted(asked.kwargs))


@router.get("/jobs/{machine}/{job_id}")
async def job(
    parts: ServiceParts, caller: Reader, machine: Machine, job_id: JobId, asked: Annotated[Listing, Query()]
) -> Jobs:
    """One job; no row where there is none that the caller may see."""
    return await find_jobs(parts, caller, asked, Wanted((job_id,)))


@router.post("/jobs/{machine}")
async def submit(parts: ServiceParts, caller: Submitter, machine: Machine, new: Annotated[NewJob, Form()]) -> Started:
    """Submit a script as the caller: a file of theirs by its path, with arguments, or a text."""
    path, text = (new.job, "") if new.isPath else ("", new.job)
    script = Script(path, text, tuple(new.args))
    try:
        return await started(parts, await parts.submission.submit(caller, script, callback=callback_of(caller, new)))
    except (OptionError, Refused) as refusal:
        return Started(task_id="", status="ERROR", error=refused(refusal))


def callback_of(caller: Caller, new: NewJob) -> JobCallback | None:
    """Where the end of the job is to be told, or how it is when the timeout is over. Raises OptionError."""
    if not new.callbackUrl and not new.callbackEmail:
        if new.callbackTimeout:
            raise OptionError("callbackTimeout", "there is nobody to tell; add a callbackUrl or a callbackEmail")
        return None
    if "callbacks" not in caller.scopes:
        raise ScopeMissing(("callbacks",))
    return JobCallback(new.callbackUrl, new.callbackEmail, float(new.callbackTimeout or 0))


@router.delete("/jobs/{machine}/{job_id}")
async def cancel(parts: ServiceParts, caller: Submitter, machine: Machine, job_id: JobId) -> Started:
    """End a job of the caller's; the scheduler is told until it has heard."""
    return await started(parts, await parts.submission.cancel(caller, job_id))
