"""What operators see and decide of people who ask to be linked: as themselves at the facility, never as the hub."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from facility.answers import LinkWish
from facility.errors import FacilityError, NotAllowed, OptionError
from hub_ext.pages.as_person import IDENTITY, as_person
from spawners.untyped import Untyped

WAITED_FOR = 3.0
"""Seconds that the page waits for the facility's list; all else on it is here already."""

LONGEST_WORD = 500

DONE = {
    "approve": "The sign-in is linked; its person enters by it from now on.",
    "refuse": "The wish is refused; its person reads your word.",
}
"""Act -> what the page says after it."""


@dataclass(frozen=True)
class Wishes:
    """Who asks for an account, and why that is not known."""

    waiting: tuple[LinkWish, ...] = ()
    problem: str = ""


async def wishes_for(authenticator: Untyped, operator: Untyped) -> Wishes:
    """What the facility shows this operator."""
    if authenticator.pages.news.heard.since is not None:
        return Wishes(problem="The facility service does not answer.")
    try:
        async with asyncio.timeout(WAITED_FOR):
            async with as_person(authenticator, operator, IDENTITY) as client:
                return Wishes(await client.link_wishes())
    except NotAllowed:
        return Wishes(problem="Only those whom the facility's accounting calls operators see them.")
    except (FacilityError, TimeoutError) as error:
        return Wishes(problem=f"They are not known right now: {error or 'the facility gave no answer in time'}.")


async def decide(handler: Untyped) -> str:
    """Do what a form of the page asks: approve or refuse one wish, in the operator's own name.

    Returns the act. Raises OptionError for a form that lacks something, and what the facility says.
    """
    act, wish = handler.get_body_argument("act", ""), handler.get_body_argument("wish", "")
    if act not in DONE or not wish:
        raise OptionError("act", "it is approve or refuse, and names a wish")
    account = handler.get_body_argument("account", "").strip()
    if act == "approve" and not account:
        raise OptionError("account", "name the local account that this person has")
    if act == "approve" and handler.get_body_argument("sure", "") != "yes":
        raise OptionError("sure", "tick that you have made sure who the person is")
    async with as_person(handler.authenticator, handler.current_user, IDENTITY) as client:
        if wish not in {one.id for one in await client.link_wishes()}:  # what a form sends becomes no address
            raise OptionError("wish", "it was decided already, or is gone; look at the list again")
        if act == "approve":
            await client.approve_link(wish, account)
        else:
            await client.refuse_link(wish, handler.get_body_argument("word", "")[:LONGEST_WORD])
    return str(act)
