"""Logins that ask an operator for their account, and what each linked login stands on."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.answers import LinkedLogin
from facility.errors import NotAllowed, NotFound, Refused
from facility.service.caller import Caller
from facility.service.identity.linking import grant_wish, refuse_wish, wish_link
from facility.service.identity.store import Link
from facility.service.routers.identity.desk import AtDesk
from facility.service.routers.identity.links import AskedLink, Issuer, Subject
from facility.service.scopes import HUB
from facility.service.web.access import Operator, needs
from facility.wire import encode

router = APIRouter(prefix="/identity", tags=["identity"])

WishId = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]


class Approval(BaseModel):
    """The account that a login is to be linked to."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(min_length=1, max_length=32)


class Refusal(BaseModel):
    """A no."""

    model_config = ConfigDict(extra="forbid")

    word: str = Field("", max_length=500)


@router.post("/wishes", status_code=201)
async def make_wish(desk: AtDesk, caller: Annotated[Caller, Depends(needs(HUB))], asked: AskedLink) -> JSONResponse:
    """Ask the operators for the account of a login that the hub has just seen; one that waits already stays."""
    return JSONResponse(encode(await wish_link(desk, asked.id_token, caller.client)), 201)


@router.get("/wishes", dependencies=[Depends(needs("identity"))])
async def list_wishes(desk: AtDesk, _: Operator) -> JSONResponse:
    """The logins that wait for an operator's word, the oldest first, 200 at most."""
    return JSONResponse({"wishes": encode(await asyncio.to_thread(desk.wishes.waiting))})


@router.get("/wish", dependencies=[Depends(needs(HUB))])
async def get_wish(desk: AtDesk, iss: Issuer, sub: Subject) -> JSONResponse:
    """What became of one login's wish; for the hub, which tells that login's own session."""
    wish = await asyncio.to_thread(desk.wishes.of, iss, sub)
    if wish is None or wish.state == "approved":  # approved, and parted since: that is over
        raise NotFound("this login asks for nothing")
    return JSONResponse(encode(wish))


@router.post("/wishes/{wish_id}/approve", dependencies=[Depends(needs("identity"))])
async def approve_wish(desk: AtDesk, operator: Operator, wish_id: WishId, approval: Approval) -> JSONResponse:
    """Link the login to an account; operators only. The operator has made sure whose login it is."""
    return JSONResponse(encode(await grant_wish(desk, wish_id, approval.user, operator.user)))


@router.post("/wishes/{wish_id}/refuse", dependencies=[Depends(needs("identity"))])
async def turn_down_wish(desk: AtDesk, operator: Operator, wish_id: WishId, refusal: Refusal) -> JSONResponse:
    """Say no, with a word that the person reads; operators only."""
    return JSONResponse(encode(await refuse_wish(desk, wish_id, refusal.word, operator.user)))


@router.get("/logins")
async def logins(
    desk: AtDesk,
    caller: Annotated[Caller, Depends(needs("identity", HUB))],
    user: Annotated[str, Query(max_length=32)] = "",
) -> JSONResponse:
    """The logins of one's own account, with what each link stands on; the hub and operators: anybody's."""
    if caller.is_hub and not user:
        raise Refused("a hub has no logins of its own; name a user")
    if user not in {"", caller.user} and not caller.is_hub and not await desk.is_operator(caller.user):
        raise NotAllowed("only the hub and operators may look at somebody else's logins")
    found = await asyncio.to_thread(desk.store.links_of, user or caller.user)
    return JSONResponse({"logins": encode([_told(link) for link in found])})


def _told(link: Link) -> LinkedLogin:
    return LinkedLogin(
        link.issuer, link.subject, link.user, link.linked, link.linked_by, link.how, link.assurance, link.institution
    )
