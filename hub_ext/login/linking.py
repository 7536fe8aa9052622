"""The page for whoever signed in at home and has no account here: prove one, or ask the operators."""

from __future__ import annotations

from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_path_join
from tornado.web import HTTPError

from facility.answers import LinkWish
from facility.errors import FacilityError, NotAllowed, Refused
from hub_ext.login.strangers import Stranger
from spawners.untyped import Untyped

PAGE = "no_account.html"


async def show(handler: Untyped, stranger: Stranger, wish: LinkWish | None, problem: str = "") -> None:
    """Answer with the page, which is a refusal: 403."""
    handler.set_status(403)
    handler.set_header("Cache-Control", "no-store")
    departure = handler.authenticator.departures.of_login(stranger.issuer, stranger.subject)
    facts = {"stranger": stranger, "wish": wish, "problem": problem, "departure": departure}
    handler.finish(await handler.render_template(PAGE, user=None, contact=handler.authenticator.contact, **facts))


class LinkingHandler(BaseHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """`/linking`: how things stand for this browser's stranger, as a page, or as JSON for the page's own script."""

    async def get(self) -> None:
        """Lead on whoever is linked by now; tell the others what they can do."""
        stranger = self._stranger()
        if stranger is None:
            self.redirect(self.settings["login_url"])
            return
        is_linked, wish = await self._standing(stranger)
        if "application/json" in self.request.headers.get("Accept", ""):
            self.set_header("Cache-Control", "no-store")
            self.finish({"linked": is_linked, "wish": wish.state if wish else ""})
        elif is_linked:
            self.redirect(url_path_join(self.hub.base_url, "oauth_login"))  # still signed in at home: no questions
        else:
            await show(self, stranger, wish)

    async def post(self) -> None:
        """Ask the operators; once a login, whoever presses the button again."""
        stranger = self._stranger()
        if stranger is None:
            raise HTTPError(403, "your sign-in is over; sign in again and ask then")
        try:
            await self.authenticator.desk.client.wish_link(stranger.id_token)
        except Refused as error:
            await show(self, stranger, None, str(error))
            return
        except FacilityError as error:
            raise HTTPError(503, f"the operators cannot be asked right now: {error}. Try again in a minute.") from error
        self.redirect(url_path_join(self.hub.base_url, "linking"), status=303)

    def _stranger(self) -> Stranger | None:
        found: Stranger | None = self.authenticator.strangers.of(self)
        return found

    async def _standing(self, stranger: Stranger) -> tuple[bool, LinkWish | None]:
        client = self.authenticator.desk.client
        try:
            if await client.link(stranger.issuer, stranger.subject):
                return True, None
            return False, await client.link_wish(stranger.issuer, stranger.subject)
        except NotAllowed as error:
            raise HTTPError(403, str(error)) from error
        except FacilityError as error:
            raise HTTPError(503, f"the facility cannot be asked right now: {error}. Try again in a minute.") from error
