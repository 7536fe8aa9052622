"""Whether a login may still enter, for the hub that let it in; and its end, as the hub learned it at home."""

from __future__ import annotations

import asyncio

from facility.answers import Standing
from facility.errors import NotAllowed
from facility.service.identity.desk import Desk
from facility.service.identity.linking import linked_person
from facility.service.identity.store import Link


async def standing(desk: Desk, issuer: str, subject: str) -> Standing:
    """How a login stands here now; what may not enter is an answer, and never an error that could mean a fault."""
    link = await asyncio.to_thread(desk.store.link, issuer, subject)
    if link is None:
        return Standing("")
    try:
        linked_person(desk, link)
    except NotAllowed as error:
        return Standing(link.user, str(error))
    return Standing(link.user)


async def end_login(desk: Desk, login: Link, client: str, why: str) -> None:
    """End what hubs have got for an account's logins until now. The link stays: who signs in again enters again."""
    await asyncio.to_thread(desk.proofs.end_logins, login.user)
    desk.audit.note("end login", issuer=login.issuer, subject=login.subject, user=login.user, client=client, why=why)
