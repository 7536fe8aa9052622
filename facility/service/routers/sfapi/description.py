"""What the OpenAPI description tells of this API: the scope of each operation, and the part below one prefix."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from facility.service.routers.sfapi.asking import ERRORS, PREFIX
from facility.service.web.access import GATES, public

router = APIRouter(prefix=PREFIX, tags=["Superfacility meta"], responses=ERRORS, dependencies=[Depends(public)])
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """The OpenAPI description of these paths, from which clients are generated."""
    return JSONResponse(part_of(request.app.openapi(), f"{PREFIX}/", "Superfacility API"))


def part_of(whole: Mapping[str, Any], prefix: str, title: str) -> dict[str, Any]:
    """The description of the paths below a prefix, with the schemas that they name."""
    paths = {path: told for path, told in whole["paths"].items() if path.startswith(prefix)}
    every, needed, named = whole["components"].get("schemas", {}), dict[str, Any](), _named(paths)
    while named:
        needed |= {name: every[name] for name in named}
        named = _named(list(needed.values())) - needed.keys()
    components = {**whole["components"], "schemas": needed}
    return {**whole, "info": {**whole["info"], "title": title}, "paths": paths, "components": components}


def _named(described: object) -> set[str]:
    return set(REFERENCE.findall(json.dumps(described)))


def tell_scopes(router: APIRouter) -> APIRouter:
    """The router, each operation with the scope that it wants, under this API's own name for that."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            told = {"x-nersc-scope": " ".join(_scopes(route.dependant))}
            route.openapi_extra = (route.openapi_extra or {}) | told
    return router


def _scopes(dependant: Dependant) -> Iterator[str]:
    yield from GATES.get(dependant.call, ())
    for inner in dependant.dependencies:
        yield from _scopes(inner)
