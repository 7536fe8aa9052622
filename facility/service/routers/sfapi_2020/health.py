"""health: how the resources are. `notes` and `outages`, asked for in the query or in a form, put those beside it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Path, Query, Request
from fastapi.responses import JSONResponse

from facility.service.parts import Parts
from facility.service.routers.sfapi import status
from facility.service.routers.sfapi_2020.at import group
from facility.service.web.access import ServiceParts, public

router = group("/health")
OPEN = [Depends(public)]
YES = frozenset({"1", "true", "on", "yes"})


async def read_wish(
    request: Request, notes: Annotated[bool, Query()] = False, outages: Annotated[bool, Query()] = False
) -> frozenset[str]:
    """What is asked for besides: notebooks send it as a form, with GET too."""
    sent = {name: value.lower() for name, value in parse_qsl((await request.body()).decode("utf-8", "replace"))}
    asked = {"notes": notes, "outages": outages}
    return frozenset(name for name, wanted in asked.items() if wanted or sent.get(name) in YES)


Wish = Annotated[frozenset[str], Depends(read_wish)]
FORM = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {"type": "object", "properties": {name: {"type": "boolean"} for name in ("notes", "outages")}}
            }
        }
    }
}


@router.get("/resource_statuses", dependencies=OPEN)
@router.post("/resource_statuses", dependencies=OPEN, openapi_extra=FORM)
async def all_of_them(parts: ServiceParts, wish: Wish) -> JSONResponse:
    """Every resource."""
    return JSONResponse([told(parts, name, wish) for name in status.names(parts)])


@router.get("/resource_statuses/{name}", dependencies=OPEN)
@router.post("/resource_statuses/{name}", dependencies=OPEN, openapi_extra=FORM)
async def one(parts: ServiceParts, wish: Wish, name: Annotated[str, Path(max_length=64)]) -> JSONResponse:
    """One resource, as the only one of a list."""
    return JSONResponse([told(parts, name, wish)])


def told(parts: Parts, name: str, wish: frozenset[str]) -> dict[str, object]:
    """A resource, with what was asked for besides."""
    found = status.status_of(parts, name).model_dump(mode="json")
    found["notes"] = [note.model_dump(mode="json") for note in status.notes_of(parts, name)] if "notes" in wish else []
    if "outages" in wish:
        found["outages"] = [outage.model_dump(mode="json") for outage in status.outages_of(parts, name)]
    return found
