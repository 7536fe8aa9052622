"""The sign-in page, which tells a browser whose session was ended what happened."""

from __future__ import annotations

from jupyterhub.handlers.login import LoginHandler

from hub_ext.departed.store import Departure
from spawners.untyped import Untyped

VISITOR = "beamside-visitor"
"""The cookie by which a browser is known again; see `hub_ext.departed.store.visitor_of`."""


class LoginPage(LoginHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """JupyterHub's page, with a notice for those who were signed out by a departure."""

    async def get(self) -> None:
        """A site that signs in without this page shows it to somebody who has to read the notice first."""
        if self.current_user or not self.authenticator.auto_login or self._departure() is None:
            await super().get()
            return
        self.finish(await self._render(username=self.get_argument("username", default="")))

    def render_template(self, name: str, **facts: Untyped) -> Untyped:
        """The page with what the notice needs."""
        return super().render_template(
            name, **facts, departure=self._departure(), contact=self.authenticator.contact
        )  # fmt: skip

    def _departure(self) -> Departure | None:
        visitor = (self.get_secure_cookie(VISITOR) or b"").decode("ascii", "replace")
        found: Departure | None = self.authenticator.departures.of_visitor(visitor) if visitor else None
        return found
