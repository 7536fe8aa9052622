"""Linking a login to a local account: proved on both sides, one time, audited, never overwriting.

The login proves itself by its ID token, and its session alone is shown a code. The local account proves itself by an
act of its own: `beamside link CODE`, run as that user on the facility, where the kernel says whose process it is. Or
the person asks an operator, who knows whose login it is and says the account.
"""

from __future__ import annotations

import asyncio
import pwd
from dataclasses import replace

from facility.answers import LinkRequest, LinkWish
from facility.errors import FacilityError, NotAllowed, Refused
from facility.service.identity.desk import Desk
from facility.service.identity.issuer import Login
from facility.service.identity.store import Link


def linked_person(desk: Desk, link: Link) -> pwd.struct_passwd:
    """The person's account of a link, looked at anew each time.

    Raises NotAllowed for one that may not be used, or that is another than was linked: names are given again.
    """
    account = desk.person(link.user)
    if link.uid is not None and link.uid != account.pw_uid:
        raise NotAllowed(f"the account {link.user} was made anew since this login was linked; an operator must look")
    return account


async def ask_link(desk: Desk, id_token: str, client: str) -> LinkRequest:
    """A request, with its code, for the login that this ID token proves.

    Raises NotSignedIn for another token, NotAllowed for a login that is linked already.
    """
    login = await _unlinked(desk, id_token)
    asked = await asyncio.to_thread(desk.requests.add, login)
    desk.audit.note("ask link", issuer=login.issuer, subject=login.subject, client=client)
    return asked


async def look_link(desk: Desk, code: str) -> LinkRequest:
    """Whose login a code is of, so that a person can see it before saying yes. Raises NotFound."""
    return await asyncio.to_thread(desk.requests.look, code)


async def confirm_link(desk: Desk, code: str, user: str) -> LinkRequest:
    """Link the login of a code to the local account that the kernel says is asking. Raises NotFound, NotAllowed."""
    try:
        person = desk.person(user)
        asked = await asyncio.to_thread(desk.requests.take, code)
        link = Link(
            asked.issuer, asked.subject, person.pw_name, person.pw_uid, "code", asked.assurance, asked.institution
        )
        await asyncio.to_thread(desk.store.add_link, link, person.pw_name)
        await asyncio.to_thread(desk.wishes.settle, asked.issuer, asked.subject, person.pw_name)
    except FacilityError as error:
        desk.audit.note("link", "refused", user=user, by=user, why=str(error))
        raise
    desk.audit.note("link", issuer=asked.issuer, subject=asked.subject, user=person.pw_name, by=person.pw_name)
    return asked


async def approve_link(desk: Desk, link: Link, operator: str) -> None:
    """Link a login as an operator. A login that is linked elsewhere is never moved. Raises NotAllowed."""
    try:
        account = desk.person(link.user)
        made = replace(link, uid=account.pw_uid, how=link.how or "operator")
        await asyncio.to_thread(desk.store.add_link, made, operator)
    except FacilityError as error:
        desk.audit.note("link", "refused", issuer=link.issuer, user=link.user, by=operator, why=str(error))
        raise
    await asyncio.to_thread(desk.requests.forget, link.issuer, link.subject)
    await asyncio.to_thread(desk.wishes.settle, link.issuer, link.subject, operator)
    desk.audit.note("link", issuer=link.issuer, subject=link.subject, user=link.user, by=operator)


async def part_link(desk: Desk, link: Link, by: str) -> None:
    """Part a login from its account, and end what hubs have got for it. Raises NotFound."""
    await asyncio.to_thread(desk.store.remove_link, link)
    await asyncio.to_thread(desk.proofs.end_logins, link.user)
    desk.audit.note("part link", issuer=link.issuer, subject=link.subject, user=link.user, by=by)


async def wish_link(desk: Desk, id_token: str, client: str) -> LinkWish:
    """Keep the wish for an operator's word, of the login that this ID token proves.

    Raises NotSignedIn, NotAllowed for a login that is linked already, Refused and Busy as the wishes do.
    """
    login = await _unlinked(desk, id_token)
    wish = await asyncio.to_thread(desk.wishes.ask, login)
    desk.audit.note("wish link", issuer=login.issuer, subject=login.subject, client=client)
    return wish


async def grant_wish(desk: Desk, wish_id: str, user: str, operator: str) -> LinkWish:
    """Link a wish's login to an account. Raises NotFound, NotAllowed, Refused where it was decided before."""
    wish = await asyncio.to_thread(desk.wishes.find, wish_id)
    if wish.state != "waiting":
        raise Refused("this wish has been decided already; look at the list again")
    link = Link(wish.issuer, wish.subject, user, None, "wish", wish.assurance, wish.institution)
    await approve_link(desk, link, operator)
    return await asyncio.to_thread(desk.wishes.find, wish_id)


async def refuse_wish(desk: Desk, wish_id: str, word: str, operator: str) -> LinkWish:
    """Say no, with a word for the person. Raises NotFound, Refused where it was decided before."""
    wish = await asyncio.to_thread(desk.wishes.find, wish_id)
    decided = await asyncio.to_thread(desk.wishes.refuse, wish, operator, word)
    desk.audit.note("refuse wish", issuer=wish.issuer, subject=wish.subject, by=operator)
    return decided


async def _unlinked(desk: Desk, id_token: str) -> Login:
    login = await desk.issuer.read_login(id_token)
    if await asyncio.to_thread(desk.store.link, login.issuer, login.subject):
        raise NotAllowed("this login is linked already; sign in again")
    return login
