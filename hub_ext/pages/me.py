"""A person's page: the sign-ins that lead to the account, and the keys by which programs act for the person."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from tornado import web
from tornado.web import HTTPError

from facility.answers import ApiClient, LinkedLogin
from facility.errors import FacilityError, NotSignedIn, OptionError, Refused
from hub_ext.pages.as_person import IDENTITY, as_person, shortened
from hub_ext.pages.new_key import Shown, key_file, make_pair, offered, read_wish

DONE = {
    "unlinked": "The sign-in no longer leads to your account.",
    "revoked": "The key is ended, with its tokens, everywhere within a minute.",
}
"""What a page says after an act; told by a word in its address."""


@dataclass(frozen=True)
class Mine:
    """What the facility holds of one person."""

    logins: tuple[LinkedLogin, ...] = ()
    keys: tuple[ApiClient, ...] = ()
    is_operator: bool = False
    problem: str = ""  # why this is not known; empty where it is


class MeHandler(BaseHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """GET /beamside/me: what is linked and registered; POST does one act and shows the page again.

    For browser sessions alone: JupyterHub's pages take no tokens, so a server's token, which is the person's too, makes
    no key that outlives the server.
    """

    @web.authenticated
    async def get(self) -> None:
        """Draw the page; where the facility does not answer, say so in place of what is not known."""
        await self._draw(done=DONE.get(self.get_argument("done", ""), ""))

    @web.authenticated
    async def post(self) -> None:
        """Unlink a sign-in, register a key or end one, as the field `act` says."""
        acts = {"unlink": self._unlink, "register": self._register, "revoke": self._revoke}
        act = acts.get(self.get_body_argument("act", ""))
        if act is None:
            raise HTTPError(400, "act is one of unlink, register and revoke")
        try:
            await act()
        except OptionError as error:
            await self._draw(error=f"{error.field}: {error.reason}", status=400)
        except Refused as error:
            await self._draw(error=str(error), status=401 if isinstance(error, NotSignedIn) else 403)
        except FacilityError as error:
            await self._draw(error=f"{error}. Nothing was changed, as far as is known; look again.", status=503)

    async def _unlink(self) -> None:
        issuer, subject = self.get_body_argument("iss"), self.get_body_argument("sub")
        if self.get_body_argument("confirm", "") != "yes":
            raise OptionError("confirm", "tick that you mean it")
        if (issuer, subject) == await self._login_in_use():
            raise OptionError("sub", "you are signed in by this one; sign in by another first, then part this one")
        async with as_person(self.authenticator, self.current_user, IDENTITY) as client:
            known = [login for login in await client.logins() if (login.issuer, login.subject) != (issuer, subject)]
            if not known:
                raise OptionError("sub", "it is the last one; without it you could not enter")
            await client.remove_link(issuer, subject)
        self._again("unlinked")

    async def _revoke(self) -> None:
        if self.get_body_argument("confirm", "") != "yes":
            raise OptionError("confirm", "tick that you mean it")
        async with as_person(self.authenticator, self.current_user, IDENTITY) as client:
            await client.revoke_key(self.get_body_argument("id"))
        self._again("revoked")

    async def _register(self) -> None:
        service = self.authenticator.desk.facts.service
        fields = {name: self.get_body_arguments(name) for name in self.request.body_arguments}
        wish = read_wish(fields, service.client_days)
        secret, public = ("", wish.public_key) if wish.public_key else await asyncio.to_thread(make_pair)
        asked = IDENTITY | (frozenset(wish.scopes) & service.ceiling)
        async with as_person(self.authenticator, self.current_user, asked) as client:
            made = await client.register_key(wish.name, public, wish.scopes, days=wish.days, networks=wish.networks)
        await self._draw(made=made, shown=key_file(made.id, secret, service.url) if secret else None)

    def _again(self, done: str) -> None:
        self.redirect(f"{self.hub.base_url}beamside/me?done={done}", status=303)

    async def _login_in_use(self) -> tuple[str, str]:
        """Issuer and subject by which this session began."""
        state = await self.current_user.get_auth_state() or {}
        claims: dict[str, Any] = state.get(self.authenticator.user_auth_state_key) or {}
        return str(claims.get("iss", "")), str(claims.get("sub", ""))

    async def _mine(self) -> Mine:
        try:
            async with as_person(self.authenticator, self.current_user, IDENTITY) as client:
                return Mine(await client.logins(), await client.keys(), (await client.me()).is_operator)
        except FacilityError as error:
            return Mine(problem=str(error))

    async def _draw(
        self, *, done: str = "", error: str = "", status: int = 200, made: ApiClient | None = None,
        shown: Shown | None = None,
    ) -> None:  # fmt: skip
        service, mine = self.authenticator.desk.facts.service, await self._mine()
        facts = {
            "mine": mine, "in_use": await self._login_in_use(), "shortened": shortened, "done": done,
            "error": error, "made": made, "shown": shown, "most_days": service.client_days,
            "scopes": offered(service.ceiling, is_operator=mine.is_operator),
            "typed": lambda name: self.get_body_argument(name, "") if error else "",
            "ticked": lambda name: bool(error) and name in self.get_body_arguments("scopes"),
        }  # fmt: skip
        page = await self.render_template("beamside_me.html", **facts)
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(page)
