"""Logins at the home institution, and the local accounts they are linked to."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.errors import NotAllowed, NotFound
from facility.service.caller import Caller
from facility.service.identity.linking import approve_link, ask_link, linked_person, part_link
from facility.service.identity.store import Link
from facility.service.routers.identity.desk import AtDesk
from facility.service.routers.identity.people import identity_of
from facility.service.scopes import HUB
from facility.service.web.access import Operator, needs
from facility.wire import encode

router = APIRouter(prefix="/identity/links", tags=["identity"])

Issuer = Annotated[str, Query(min_length=1, max_length=500)]
Subject = Annotated[str, Query(min_length=1, max_length=255)]


class NewLink(BaseModel):
    """A login to be linked to a local account."""

    model_config = ConfigDict(extra="forbid")

    iss: str = Field(min_length=1, max_length=500)
    sub: str = Field(min_length=1, max_length=255)
    user: str = Field(min_length=1, max_length=32)


class AskedLink(BaseModel):
    """A login that asks for its local account, proved by its ID token."""

    model_config = ConfigDict(extra="forbid")

    id_token: str = Field(min_length=1, max_length=16_384)


@router.get("")
async def get_link(
    desk: AtDesk, caller: Annotated[Caller, Depends(needs("identity", HUB))], iss: Issuer, sub: Subject
) -> JSONResponse:
    """Whose account a login is linked to; for the hub and for operators."""
    if not caller.is_hub and not await desk.is_operator(caller.user):
        raise NotAllowed("only the hub and operators may ask whose login this is")
    link = await asyncio.to_thread(desk.store.link, iss, sub)
    if link is None:
        raise NotFound("this login is not linked to an account here; an administrator can link it")
    return JSONResponse(encode(await identity_of(desk, linked_person(desk, link).pw_name, link)))


@router.put("", dependencies=[Depends(needs("identity"))])
async def put_link(desk: AtDesk, operator: Operator, new: NewLink) -> JSONResponse:
    """Link a login to a local account; operators only. A login that is linked elsewhere is never moved."""
    link = Link(new.iss, new.sub, new.user)
    await approve_link(desk, link, operator.user)
    return JSONResponse(encode(await identity_of(desk, new.user, link)))


@router.delete("")
async def delete_link(
    desk: AtDesk, caller: Annotated[Caller, Depends(needs("identity"))], iss: Issuer, sub: Subject
) -> JSONResponse:
    """Part a login from one's own account; operators may part anybody's."""
    link = await asyncio.to_thread(desk.store.link, iss, sub)
    if link is None or (link.user != caller.user and not await desk.is_operator(caller.user)):
        raise NotFound("this login is not linked to your account")
    await part_link(desk, link, caller.user)
    return JSONResponse({"iss": iss, "sub": sub, "user": link.user})


@router.post("/requests", status_code=201)
async def request_link(desk: AtDesk, caller: Annotated[Caller, Depends(needs(HUB))], asked: AskedLink) -> JSONResponse:
    """Ask for the account of a login that the hub has just seen; the code that comes back is for that session alone.

    The person confirms with `beamside link CODE` on the facility, as the local account.
    """
    return JSONResponse(encode(await ask_link(desk, asked.id_token, caller.client)), 201)


@router.get("/requests", dependencies=[Depends(needs("identity"))])
async def waiting(desk: AtDesk, _: Operator) -> JSONResponse:
    """The logins that wait to be linked, without their codes; operators approve one by `PUT /identity/links`."""
    return JSONResponse({"requests": encode(await asyncio.to_thread(desk.requests.waiting))})
