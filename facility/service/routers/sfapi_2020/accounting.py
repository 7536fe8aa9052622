"""accounting: projects, roles, and a project's jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Path, Query

from facility.service.caller import Caller
from facility.service.routers.sfapi import account
from facility.service.routers.sfapi.models import Project, Role
from facility.service.routers.sfapi_2020.at import group
from facility.service.scheduler.job_rows import Wanted
from facility.service.web.access import ServiceParts, needs

router = group("/accounting")
Reader = Annotated[Caller, Depends(needs("accounts"))]
JobReader = Annotated[Caller, Depends(needs("jobs"))]
Days = Annotated[int, Query(ge=1, le=366, description="how far back")]


@router.get("/projects")
async def projects(parts: ServiceParts, caller: Reader) -> list[Project]:
    """The caller's projects, with their hours."""
    return [account.project(found, caller.user) for found in await parts.projects.of(caller.user)]


@router.get("/roles")
async def roles(parts: ServiceParts, caller: Reader) -> list[Role]:
    """What the caller is in each project."""
    return [account.role(found) for found in await parts.projects.of(caller.user)]


@router.get("/projects/{repo}/jobs")
async def jobs(
    parts: ServiceParts, caller: JobReader, repo: Annotated[str, Path(max_length=64)], days: Days = 30
) -> list[dict[str, str]]:
    """The caller's jobs that charged a project, from accounting; everybody's for its coordinators and operators."""
    if not await parts.projects.manages(caller.user, repo):
        await parts.projects.one(repo, caller.user)
    since = parts.clock.now() - timedelta(days=days)
    return await parts.job_rows.records(caller, Wanted(account=repo, since=since))
