"""jobs: what one has in the queue; submitting and ending."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form

from facility.errors import OptionError, Refused
from facility.service.caller import Caller
from facility.service.jobs.submission import Script
from facility.service.routers.sfapi.asking import refused, started
from facility.service.routers.sfapi.compute import JobId, NewJob, callback_of
from facility.service.routers.sfapi.models import Started
from facility.service.routers.sfapi_2020.at import group
from facility.service.scheduler.job_rows import Wanted
from facility.service.web.access import ServiceParts, needs

router = group("/jobs")
Reader = Annotated[Caller, Depends(needs("jobs"))]
Submitter = Annotated[Caller, Depends(needs("jobs:submit"))]


@router.get("")
async def jobs(parts: ServiceParts, caller: Reader) -> list[dict[str, str]]:
    """The caller's jobs in the queue, as squeue tells of them; everybody's for operators."""
    return await parts.job_rows.queue(caller, Wanted(), fresh=False)


@router.get("/{job_id}")
async def job(parts: ServiceParts, caller: Reader, job_id: JobId) -> list[dict[str, str]]:
    """One job: while the scheduler holds it as squeue tells of it, later as sacct does."""
    found = await parts.job_rows.queue(caller, Wanted((job_id,)), fresh=True)
    return found or await parts.job_rows.records(caller, Wanted((job_id,)))


@router.post("")
async def submit(parts: ServiceParts, caller: Submitter, new: Annotated[NewJob, Form()]) -> Started:
    """Submit a script as the caller."""
    path, text = (new.job, "") if new.isPath else ("", new.job)
    script = Script(path, text, tuple(new.args))
    try:
        return await started(parts, await parts.submission.submit(caller, script, callback=callback_of(caller, new)))
    except (OptionError, Refused) as refusal:
        return Started(task_id="", status="ERROR", error=refused(refusal))


@router.delete("/{job_id}")
async def cancel(parts: ServiceParts, caller: Submitter, job_id: JobId) -> Started:
    """End a job of the caller's."""
    return await started(parts, await parts.submission.cancel(caller, job_id))
