"""Cancel a start, or stop a server: a page that names it and asks first, and works without JavaScript."""

from __future__ import annotations

import asyncio

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from tornado.web import HTTPError, authenticated

from hub_ext.recorded import Recorded
from spawners.spawner import FacilitySpawner
from spawners.untyped import Untyped

SETTLE = 5.0
"""Seconds that a start which is called off may take to let go."""


class CancelHandler(Recorded):
    """GET and POST /beamside/cancel/USER and /beamside/cancel/USER/SERVER"""

    @authenticated
    @needs_scope("delete:servers")  # type: ignore[untyped-decorator]  # JupyterHub ships no types
    async def get(self, user_name: str, server_name: str = "") -> None:
        """The question, with the server's name and its job."""
        user, spawner = wanted(self, user_name, server_name)
        if not spawner.active:
            self.redirect(f"{self.hub.base_url}home")
            return
        intent = spawner.intent
        facts = {"xsrf": self.xsrf_token.decode("ascii"), "job_id": intent.job_id if intent else ""}
        self.finish(await self.render_template("cancel.html", user=user, spawner=spawner, **facts))

    @authenticated
    @needs_scope("delete:servers")  # type: ignore[untyped-decorator]  # JupyterHub ships no types
    async def post(self, user_name: str, server_name: str = "") -> None:
        """Do it, and go home; Slurm's confirmation may take longer, and is waited for without this page."""
        user, spawner = wanted(self, user_name, server_name)
        if spawner.pending == "spawn" and spawner._spawn_future is not None:
            spawner._spawn_future.cancel()
            await asyncio.wait([spawner._spawn_future], timeout=SETTLE)
        if spawner.pending is None and (spawner.ready or spawner.intent is not None):
            await self.stop_single_user(user, server_name)
        self.redirect(f"{self.hub.base_url}home")


def wanted(handler: BaseHandler, user_name: str, server_name: str) -> tuple[Untyped, FacilitySpawner]:
    """The person and the server that a page is about. Raises HTTPError 404 where there is none."""
    user = handler.find_user(user_name)
    if user is None or server_name not in user.orm_user.orm_spawners:
        raise HTTPError(404, f"{user_name} has no server {server_name!r}")
    return user, user.spawners[server_name]
