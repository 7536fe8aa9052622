"""iri: the DOE IRI Facility API, versions 1 and 2, as a view over this service.

Source: the published OpenAPI descriptions of both versions. What they mark planned or in development is not offered
(see docs/reference/iri.md).
"""

from __future__ import annotations

from fastapi import APIRouter, Depends, params
from fastapi.routing import APIRoute

from facility.service.routers.iri import account, compute, facility, filesystem, status, task
from facility.service.routers.iri.problems import RESPONSES, problem
from facility.service.routers.iri.query import known_parameters
from facility.service.routers.iri.version import PREFIX
from facility.service.web.access import public

__all__ = ["PREFIX", "problem", "router"]

GROUPS = (account.router, compute.router, task.router)
OPEN = (facility.router, status.router)
"""What everybody may read."""

FILES = {1: filesystem.router_v1, 2: filesystem.router_v2}


def _add(router: APIRouter, number: int, group: APIRouter, *gates: params.Depends) -> None:
    """Serve a group's routes below one version's path.

    Version 1's operation ids have a prefix, because an id is unique in one OpenAPI description.
    """
    for route in group.routes:
        if isinstance(route, APIRoute):
            router.add_api_route(
                f"/v{number}{route.path}",
                route.endpoint,
                methods=sorted(route.methods or ()),
                name=route.name,
                operation_id=f"v1_{route.name}" if number == 1 else route.name,
                tags=route.tags,
                response_model=route.response_model,
                status_code=route.status_code,
                dependencies=[Depends(known_parameters), *gates, *route.dependencies],
                responses=RESPONSES,
            )


router = APIRouter(prefix=PREFIX)
for _number in (1, 2):
    for _group in (*OPEN, *((status.events_of_an_incident,) if _number == 1 else ())):
        _add(router, _number, _group, Depends(public))
    for _group in (*GROUPS, FILES[_number]):
        _add(router, _number, _group)
