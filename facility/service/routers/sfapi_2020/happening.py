"""reservations and callbacks, which v1.2 has not, and the description of all these paths."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from facility.service.accounts.people import check_person
from facility.service.caller import Caller
from facility.service.routers.reservations import judged_for
from facility.service.routers.sfapi.description import part_of
from facility.service.routers.sfapi_2020.at import PREFIX, group
from facility.service.web.access import ServiceParts, Subject, needs, public
from facility.wire import encode

router = group()
Owner = Annotated[Caller, Depends(needs("callbacks"))]
Reader = Annotated[Caller, Depends(needs("reservations"))]


class NewCallback(BaseModel):
    """What somebody wants to be told, and where."""

    url: str = Field(max_length=2000)
    events: list[str] = Field(["job.*"], max_length=50)


@router.get("/callbacks")
async def callbacks(parts: ServiceParts, caller: Owner) -> JSONResponse:
    """The caller's subscriptions."""
    found = await asyncio.to_thread(parts.callbacks.stores.subscriptions.find, caller.user)
    return JSONResponse(encode(found))


@router.post("/callbacks/callbacks/", status_code=201)
async def subscribe(parts: ServiceParts, caller: Owner, new: Annotated[NewCallback, Form()]) -> JSONResponse:
    """Subscribe; the answer holds the secret of the signatures, this once."""
    check_person(caller.user, parts.profile)
    return JSONResponse(encode(await parts.callbacks.subscribe(caller.user, new.url, tuple(new.events), {})), 201)


@router.get("/reservations")
async def reservations(parts: ServiceParts, _: Reader, subject: Subject) -> JSONResponse:
    """The reservations that admit the caller, running or to come."""
    answer = await judged_for(parts, subject)
    return JSONResponse(encode([judged for judged in answer.reservations if judged.admits]))


@router.get("/swagger.json", dependencies=[Depends(public)])
async def swagger(request: Request) -> JSONResponse:
    """The OpenAPI description of the paths below /api/v1."""
    return JSONResponse(part_of(request.app.openapi(), f"{PREFIX}/", "Superfacility API (2020)"))
