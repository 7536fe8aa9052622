"""Take a start out of the reservation that it waits in: the job is cancelled, and asked for again without it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_escape_path, url_path_join
from tornado.web import HTTPError, authenticated

from facility.errors import OptionError
from hub_ext.cancel import SETTLE, wanted
from hub_ext.recorded import Recorded
from spawners.form.options import read_options
from spawners.spawner import FacilitySpawner
from spawners.untyped import Untyped


class OutsideHandler(Recorded):
    """POST /beamside/outside/USER and /beamside/outside/USER/SERVER"""

    @authenticated
    @needs_scope("servers")  # type: ignore[untyped-decorator]  # JupyterHub ships no types
    async def post(self, user_name: str, server_name: str = "") -> None:
        """Do it, and show the new start; nothing is cancelled before it is known that the rest can be granted."""
        user, spawner = wanted(self, user_name, server_name)
        here = url_path_join(user.escaped_name, url_escape_path(server_name))
        intent = spawner.intent
        if spawner.pending == "spawn" and intent is not None and intent.request.reservation and not intent.is_claimed:
            options = {**(spawner.orm_spawner.user_options or {})}
            options.pop("reservation", None)
            await self._check(spawner, options)
            await self._cancel(user, spawner)
            await self.spawn_single_user(user, server_name, options=options)
        self.redirect(url_path_join(self.hub.base_url, "spawn-pending", here), status=HTTPStatus.SEE_OTHER)

    @staticmethod
    async def _check(spawner: FacilitySpawner, options: dict[str, object]) -> None:
        """Raises HTTPError with the field and the reason where the site does not grant them."""
        desk = spawner.desk
        offer = await desk.offers.offer(str(spawner.user.name), insist=True)
        try:
            read_options({**options, "system": desk.name}, offer, desk.system, desk.now(), spawner.site)
        except OptionError as error:
            words = f"Without the reservation this cannot be granted: {error.field}: {error.reason}."
            raise HTTPError(400, f"{words} Your job waits on; cancel it to choose anew.") from error

    async def _cancel(self, user: Untyped, spawner: FacilitySpawner) -> None:
        """End the start and its job. Raises HTTPError where Slurm does not confirm it within seconds."""
        if spawner._spawn_future is not None:
            spawner._spawn_future.cancel()
            await asyncio.wait([spawner._spawn_future], timeout=SETTLE)
        await self.stop_single_user(user, spawner.name)
        if spawner.pending:
            raise HTTPError(
                503, "Slurm has not confirmed yet that the waiting job is cancelled. Start again in a minute."
            )
