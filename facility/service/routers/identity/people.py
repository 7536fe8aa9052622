"""Who the owner of a token is."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from facility.models import Identity
from facility.service.accounts.people import local_account
from facility.service.caller import Caller
from facility.service.identity.desk import Desk
from facility.service.identity.store import Link
from facility.service.routers.identity.desk import AtDesk
from facility.service.web.access import needs
from facility.wire import encode

router = APIRouter(prefix="/identity", tags=["identity"])


@router.get("/me")
async def me(desk: AtDesk, caller: Annotated[Caller, Depends(needs())]) -> JSONResponse:
    """Who the token's owner is."""
    links = desk.store.known_links_of(caller.user)
    if links is None:  # a thread for each request would cost as much as all else together
        links = await asyncio.to_thread(desk.store.links_of, caller.user)
    return JSONResponse(encode(await identity_of(desk, caller.user, links[0] if links else None)))


async def identity_of(desk: Desk, user: str, link: Link | None) -> Identity:
    """The local account `user`, with the login by which it is known."""
    account = local_account(user)
    return Identity(
        user=user,
        uid=account.pw_uid,
        issuer=link.issuer if link else "",
        subject=link.subject if link else "",
        full_name=account.pw_gecos.split(",")[0],
        is_operator=await desk.is_operator(user),
    )
