"""meta: what changed in this API, and what a client may want to know of the site."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Depends

from facility.service.routers.sfapi.asking import ERRORS, PREFIX
from facility.service.routers.sfapi.models import Change, Setting
from facility.service.web.access import ServiceParts, public

router = APIRouter(
    prefix=f"{PREFIX}/meta", tags=["Superfacility meta"], responses=ERRORS, dependencies=[Depends(public)]
)

CHANGES = (Change(date=date(2026, 11, 22), change="v1.2 with the paths of 2020 under /api/v1, served by beamside"),)


@router.get("/changelog")
async def changelog() -> list[Change]:
    """What changed, the newest first."""
    return list(CHANGES)


@router.get("/config")
async def config(parts: ServiceParts) -> list[Setting]:
    """The machines that jobs can be sent to, and where tokens come from."""
    profile = parts.profile
    return [
        Setting(key="compute.targets", value=",".join((profile.system_name, *profile.system.aliases))),
        Setting(key="facility", value=profile.name),
        Setting(key="token_endpoint", value=f"{profile.service.token_issuer.rstrip('/')}/identity/token"),
    ]
