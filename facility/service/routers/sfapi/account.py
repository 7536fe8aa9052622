"""account: who the caller is, projects with their hours, roles, keys, and groups."""

from __future__ import annotations

import pwd
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query

from facility.errors import NotAllowed
from facility.service.accounts import groups as service_groups
from facility.service.accounts.people import check_person, local_account
from facility.service.accounts.projects import Project as ServiceProject
from facility.service.caller import Caller
from facility.service.routers.sfapi.asking import ERRORS, PREFIX
from facility.service.routers.sfapi.models import ApiClientKey, Group, Groups, Member, Project, Role, UserInfo
from facility.service.web.access import ServiceParts, needs

router = APIRouter(prefix=f"{PREFIX}/account", tags=["Superfacility account"], responses=ERRORS)
Reader = Annotated[Caller, Depends(needs("accounts"))]
KeyOwner = Annotated[Caller, Depends(needs("identity"))]

NEVER = "9999-12-31T00:00:00+00:00"
"""When a key ends that has no end: clients want a date."""


@router.get("/")
async def user(parts: ServiceParts, caller: Reader, username: Annotated[str, Query(max_length=32)] = "") -> UserInfo:
    """The caller, or somebody who shares a project with the caller; anybody for operators."""
    wanted = username or caller.user
    if not await parts.projects.knows(caller.user, wanted):
        raise NotAllowed(f"{caller.user} shares no project with {wanted[:32]!r}")
    return person(check_person(wanted, parts.profile))


@router.get("/projects")
async def projects(parts: ServiceParts, caller: Reader) -> list[Project]:
    """The caller's projects, with hours of nodes, cpus and GPUs as Slurm counts them: the caller's, and the project's.

    Given is GrpTRESMins, null where the site sets none; used is what Slurm holds against it.
    """
    return [project(found, caller.user) for found in await parts.projects.of(caller.user)]


@router.get("/roles")
async def roles(parts: ServiceParts, caller: Reader) -> list[Role]:
    """What the caller is in each project: `pi` for a coordinator of the account, else `user`."""
    return [role(found) for found in await parts.projects.of(caller.user)]


@router.get("/clients")
async def clients(parts: ServiceParts, caller: KeyOwner) -> list[ApiClientKey]:
    """The caller's keys; `comments` holds what they open and from where."""
    return [
        ApiClientKey(
            name=key.name,
            clientId=key.id,
            expiresAt=key.expires.isoformat() if key.expires else NEVER,
            comments=f"{key.colour}: {' '.join(key.scopes)}; from {', '.join(key.networks) or 'everywhere'}",
        )
        for key in await parts.identity.clients(caller)
    ]


@router.get("/groups")
async def groups(parts: ServiceParts, caller: Reader) -> Groups:
    """The groups that the caller is in: the site's Unix groups, and those that projects made here."""
    return Groups(groups=[group(found) for found in await parts.groups.of(caller.user)])


@router.post("/groups")
async def make_group(
    parts: ServiceParts,
    caller: Reader,
    name: Annotated[str, Form(max_length=32)],
    repo_name: Annotated[str, Form(max_length=64)],
) -> Group:
    """A new group of a project's people; for its coordinators and for operators."""
    return group(await parts.groups.make(name, repo_name, caller.user))


@router.get("/groups/{name}")
async def one_group(parts: ServiceParts, caller: Reader, name: str) -> Group:
    """One group that the caller is in, or decides for."""
    return group(await parts.groups.one(name, caller.user))


@router.put("/groups/{name}")
async def change_group(
    parts: ServiceParts,
    caller: Reader,
    name: str,
    usernames: Annotated[str, Form(max_length=4096)],
    action: Annotated[Literal["batch_add", "batch_remove"], Form()],
) -> Group:
    """Put people of the project into one of its groups, or take them out; a list of names with commas."""
    users = [word.strip() for word in usernames.split(",") if word.strip()]
    change = parts.groups.add if action == "batch_add" else parts.groups.remove
    return group(await change(name, users, caller.user))


def person(account: pwd.struct_passwd) -> UserInfo:
    """A local account; name and telephone numbers are those of its GECOS field (passwd(5), finger(1))."""
    full, _, work, home = (account.pw_gecos.split(",") + [""] * 4)[:4]
    first, _, rest = full.strip().partition(" ")
    middle, _, last = rest.rpartition(" ")
    words = {"firstname": first, "middlename": middle, "lastname": last, "workphone": work, "otherPhones": home}
    return UserInfo(uid=account.pw_uid, name=account.pw_name, **{name: word or None for name, word in words.items()})


def role(found: ServiceProject) -> Role:
    """A project, and what the person is in it."""
    return Role(id=found.number, description=found.description, repo_name=found.account, iris_role=found.role)


def project(found: ServiceProject, user_: str) -> Project:
    """A project with its hours."""
    hours: dict[str, float | None] = {}
    for prefix, resource in (("", "node"), ("cpu_", "cpu"), ("gpu_", "gres/gpu")):
        own, whole = found.hours(resource, user_), found.hours(resource)
        hours |= {f"{prefix}hours_given": own.given, f"{prefix}hours_used": own.used}
        hours |= {f"{prefix}project_hours_given": whole.given, f"{prefix}project_hours_used": whole.used}
    return Project.model_validate({**role(found).model_dump(), **hours})


def group(found: service_groups.Group) -> Group:
    """A group; who has no account any more is left out."""
    members = []
    for name in found.users:
        try:
            members.append(Member(uid=local_account(name).pw_uid, name=name))
        except NotAllowed:
            continue
    return Group(gid=found.gid, name=found.name, users=members)
