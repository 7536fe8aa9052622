"""Servers are started and stopped only while that can be written down; JupyterHub would be left half way otherwise."""

from __future__ import annotations

from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.handlers.base import BaseHandler

from hub_ext.storage import CannotStore

LOOKS = frozenset({"GET", "HEAD", "OPTIONS"})


class Recorded(BaseHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """A handler whose changes are refused before they begin where nothing can be written."""

    async def prepare(self) -> None:
        """See JupyterHub. Raises CannotStore."""
        await super().prepare()
        why = "" if self.request.method in LOOKS else self.authenticator.storage.why_not
        if why:
            raise CannotStore(why)


class ServerHandler(Recorded, UserServerAPIHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """JupyterHub's own /api/users/USER/server and /servers/NAME."""


SERVER_ROUTES = [(rf"/api/users/([^/]+)/{end}", ServerHandler) for end in ("server", "servers/([^/]*)")]
"""Asked before JupyterHub's own, which are the same but for the question."""
