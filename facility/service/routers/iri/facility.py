"""facility: what this place is, and where its resources stand. For everybody."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from facility.errors import NotFound
from facility.service.parts import Parts
from facility.service.routers.iri.board import Board
from facility.service.routers.iri.models import Facility, Site
from facility.service.routers.iri.query import Limit, Offset, Since, Word, page
from facility.service.routers.iri.version import Api, TheApi
from facility.service.web.access import ServiceParts

router = APIRouter(prefix="/facility", tags=["iri facility"])

READ = datetime.now(UTC).replace(microsecond=0)
"""When facility.toml was read, which tells of the facility: at the start of this process."""

NOT_MODIFIED = 304


@router.get("", name="getFacility", response_model=Facility)
async def get_facility(api: TheApi, modified_since: Since = None) -> Facility | Response:
    """The facility; 304 where nothing changed since then."""
    if modified_since and modified_since > READ:
        return Response(status_code=NOT_MODIFIED)
    return Facility(
        id=api.identifier("facility", api.facility_name),
        name=api.facility_name,
        short_name=api.facility_name,
        last_modified=READ,
        self_uri=api.uri("facility"),
        site_uris=[api.uri("facility", "sites", site_id(api))],
    )


@router.get("/sites", name="getSites")
async def get_sites(
    parts: ServiceParts,
    api: TheApi,
    modified_since: Since = None,
    name: Annotated[Word | None, Query()] = None,
    short_name: Annotated[Word | None, Query()] = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> list[Site]:
    """The sites of this facility: one service tells of one."""
    site = _site(parts, api)
    fits = (name in (None, site.name)) and (short_name in (None, site.short_name))
    return page([site] if fits and not (modified_since and modified_since > READ) else [], offset, limit)


@router.get("/sites/{site_id}", name="getSite", response_model=Site)
async def get_site(parts: ServiceParts, api: TheApi, site_id: str, modified_since: Since = None) -> Site | Response:
    """One site; 304 where nothing changed since then."""
    site = _site(parts, api)
    if site_id != site.id:
        raise NotFound(f"there is no site {site_id[:80]!r} here; GET {api.uri('facility', 'sites')} lists them")
    return Response(status_code=NOT_MODIFIED) if modified_since and modified_since > READ else site


def site_id(api: Api) -> str:
    """The id of the one site."""
    return api.identifier("site", api.facility_name)


def _site(parts: Parts, api: Api) -> Site:
    return Site(
        id=site_id(api),
        name=api.facility_name,
        short_name=api.facility_name,
        operating_organization=None,
        last_modified=READ,
        self_uri=api.uri("facility", "sites", site_id(api)),
        resource_uris=[resource.self_uri for resource in Board(api, parts).resources],
    )
