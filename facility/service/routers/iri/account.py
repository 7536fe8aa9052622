"""account: what is allocated here, and what one's own projects were given and have used."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from facility.errors import NotFound
from facility.providers.slurm.sshare import Usage
from facility.service.accounts.projects import Project as Charged
from facility.service.caller import Caller
from facility.service.parts import Parts
from facility.service.routers.iri import board
from facility.service.routers.iri.facility import NOT_MODIFIED, READ
from facility.service.routers.iri.models import (
    AllocationEntry,
    Capability,
    Project,
    ProjectAllocation,
    UserAllocation,
)
from facility.service.routers.iri.query import Limit, Offset, Since, Word, page
from facility.service.routers.iri.version import Api, TheApi
from facility.service.web.access import ServiceParts, needs, public

router = APIRouter(prefix="/account", tags=["iri account"])
Charging = Annotated[Caller, Depends(needs("accounts"))]


@router.get("/capabilities", name="getCapabilities", dependencies=[Depends(public)])
async def get_capabilities(
    parts: ServiceParts,
    api: TheApi,
    name: Annotated[Word | None, Query()] = None,
    modified_since: Since = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> list[Capability]:
    """What of the resources is allocated."""
    one = _capability(parts, api)
    fits = name in (None, one.name) and not (modified_since and modified_since > READ)
    return page([one] if fits else [], offset, limit)


@router.get(
    "/capabilities/{capability_id}",
    name="getCapability",
    response_model=Capability,
    dependencies=[Depends(public)],
)
async def get_capability(
    parts: ServiceParts, api: TheApi, capability_id: str, modified_since: Since = None
) -> Capability | Response:
    """One of them; 304 where nothing changed since then."""
    one = _capability(parts, api)
    if capability_id != one.id:
        raise NotFound(f"there is no capability {capability_id[:80]!r}")
    return Response(status_code=NOT_MODIFIED) if modified_since and modified_since > READ else one


@router.get("/projects", name="getProjects")
async def get_projects(parts: ServiceParts, api: TheApi, caller: Charging) -> list[Project]:
    """The caller's own projects: the accounts that the caller may charge."""
    known = await parts.facts.associations.known()
    return [
        Project(
            id=api.identifier("project", project.account),
            name=project.account,
            description=project.description,
            user_ids=sorted(await parts.projects.members(project.account)),
            last_modified=known.as_of,
            self_uri=_project_uri(api, project.account),
        )
        for project in await parts.projects.of(caller.user)
    ]


@router.get("/projects/{project_id}", name="getProject")
async def get_project(parts: ServiceParts, api: TheApi, caller: Charging, project_id: str) -> Project:
    """One of the caller's projects."""
    for project in await get_projects(parts, api, caller):
        if project.id == project_id:
            return project
    raise NotFound(f"{caller.user} has no project {project_id[:80]!r}; GET {api.uri('account', 'projects')} lists them")


ALLOCATIONS = "/projects/{project_id}/project_allocations"


@router.get(ALLOCATIONS, name="getProjectAllocationsByProject")
async def get_project_allocations(
    parts: ServiceParts, api: TheApi, caller: Charging, project_id: str
) -> list[ProjectAllocation]:
    """What the project was given; no entries where the site sets no limit."""
    account = (await get_project(parts, api, caller, project_id)).name
    project = await parts.projects.one(account, caller.user)
    return [
        ProjectAllocation(
            id=api.identifier("project allocation", account),
            entries=_entries(api, _share(project)),
            project_uri=_project_uri(api, account),
            capability_uri=board.capability_uri(api, parts.profile.system_name),
        )
    ]


@router.get(f"{ALLOCATIONS}/{{project_allocation_id}}", name="getProjectAllocationByProject")
async def get_project_allocation(
    parts: ServiceParts, api: TheApi, caller: Charging, project_id: str, project_allocation_id: str
) -> ProjectAllocation:
    """One of them."""
    for allocation in await get_project_allocations(parts, api, caller, project_id):
        if allocation.id == project_allocation_id:
            return allocation
    raise NotFound(f"this project has no allocation {project_allocation_id[:80]!r}")


@router.get(f"{ALLOCATIONS}/{{project_allocation_id}}/user_allocations", name="getUserAllocationsByProjectAllocation")
async def get_user_allocations(
    parts: ServiceParts, api: TheApi, caller: Charging, project_id: str, project_allocation_id: str
) -> list[UserAllocation]:
    """What the caller was given of it; where that has no limit of its own, the project's, with the caller's usage."""
    project = await get_project(parts, api, caller, project_id)
    account, allocation_id = project.name, api.identifier("project allocation", project.name)
    if project_allocation_id != allocation_id:
        raise NotFound(f"this project has no allocation {project_allocation_id[:80]!r}")
    shared = await parts.projects.one(account, caller.user)
    own, all_of_it = _share(shared, caller.user), _share(shared)
    mine = Usage(account, caller.user, all_of_it.given | own.given, own.used)
    return [
        UserAllocation(
            id=api.identifier("user allocation", f"{account}/{caller.user}"),
            user_id=caller.user,
            entries=_entries(api, mine),
            project_allocation_uri=f"{project.self_uri}/project_allocations/{allocation_id}",
        )
    ]


@router.get(
    f"{ALLOCATIONS}/{{project_allocation_id}}/user_allocations/{{user_allocation_id}}",
    name="getUserAllocationByProjectAllocation",
)
async def get_user_allocation(
    parts: ServiceParts,
    api: TheApi,
    caller: Charging,
    project_id: str,
    project_allocation_id: str,
    user_allocation_id: str,
) -> UserAllocation:
    """One of them."""
    for allocation in await get_user_allocations(parts, api, caller, project_id, project_allocation_id):
        if allocation.id == user_allocation_id:
            return allocation
    raise NotFound(f"{caller.user} has no allocation {user_allocation_id[:80]!r} there")


def _capability(parts: Parts, api: Api) -> Capability:
    system = parts.profile.system_name
    return Capability(
        id=board.capability_id(api, system),
        name=f"{system} nodes",
        description=f"Time on the nodes of {parts.profile.system.title}",
        last_modified=READ,
        units=[api.unit(counted) for counted in api.counted],
        self_uri=board.capability_uri(api, system),
    )


def _project_uri(api: Api, account: str) -> str:
    return api.uri("account", "projects", api.identifier("project", account))


def _share(project: Charged, user: str = "") -> Usage:
    """What the account (or one user in it) was given and has used."""
    return project.shares.get(user) or Usage(project.account, user, {}, {})


def _entries(api: Api, share: Usage) -> list[AllocationEntry]:
    """An entry for each unit that is limited; without a limit nothing is allocated that could be told."""
    return [
        AllocationEntry(
            allocation=round(share.given[counted], 6),
            usage=round(share.used.get(counted, 0.0), 6),
            unit=api.unit(counted),
        )
        for counted in api.counted
        if counted in share.given
    ]
