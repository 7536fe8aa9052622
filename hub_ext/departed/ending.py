"""What a departure ends: sessions and tokens always, servers where the site says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from jupyterhub import orm

from facility.errors import FacilityError
from hub_ext.departed.store import Departure, Departures, visitor_of
from hub_ext.departed.why import Departed
from hub_ext.desk import HubDesk
from hub_ext.site import Site
from spawners.desks import current_desks
from spawners.start.endings import Kind
from spawners.untyped import Untyped

log = logging.getLogger("beamside.departed")

SETTLE = 5.0
"""Seconds that a start which is called off may take to let go."""


class Endings:
    """Carries departures out.

    Parameters
    ----------
    desk : the hub's side of the facility.
    departures : where they are written down.
    app : gives the hub's application, once it is there.
    stops_servers : whether servers are stopped; else they go on until their jobs end, out of reach of the departed.
    """

    def __init__(
        self, desk: HubDesk, departures: Departures, app: Callable[[], Untyped], *, stops_servers: bool
    ) -> None:
        self._desk = desk
        self._departures = departures
        self._stops = stops_servers
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()

    async def carry_out(self, user: Untyped, login: tuple[str, str], gone: Departed) -> None:
        """End what the sign-in `login` (issuer, subject) opened. Slurm's word on stopped servers is not waited for."""
        visitor = visitor_of(user.orm_user.cookie_id)
        departure = self._departures.note(
            user.name, login, gone.why, gone.told, visitor, (site.names[0] for site in self._desk.sites)
        )
        active = [name for name, spawner in user.spawners.items() if spawner.active]
        await end_session(user, frozenset() if self._stops else frozenset(active))
        self._departures.set_servers(user.name, _sentence(len(active), self._stops))
        log.warning(
            "%s departed (%s: %s): sessions and tokens are ended, %d servers %s",
            user.name, gone.why, gone.told, len(active), "are stopped" if self._stops else "go on",
        )  # fmt: skip
        if self._stops:
            for name in active:
                self._keep(self._stop(user, name))
        await self.tell_facilities(departure)

    async def tell_facilities(self, departure: Departure) -> None:
        """End what each facility gave for it; one that does not answer is told at the next round."""
        sites = [self._desk.site_of(system) for system in departure.owed]
        silent = [site.names[0] for site in dict.fromkeys(sites) if not await self._is_told(site, departure)]
        self._departures.owe(departure.user, silent)

    async def _is_told(self, site: Site, departure: Departure) -> bool:
        login = departure.issuer, departure.subject
        try:
            user = departure.user
            if site is not self._desk.sites[0]:  # a facility of its own may know the sign-in by another account
                user = (await site.client.standing(*login)).user or user
            await site.client.end_login(*login, user, f"{departure.why}: {departure.told}")
        except FacilityError as error:
            words = "the facility of %s was not told that %s departed, and will be: %s"
            log.warning(words, site.names[0], departure.user, error)
            return False
        return True

    async def _stop(self, user: Untyped, name: str) -> None:
        spawner = user.spawners[name]
        try:
            if (intent := current_desks().intents.open_one(user.name, name)) is not None:
                current_desks().intents.note(intent.nonce, Kind.DEPARTED)
            if spawner.pending == "spawn" and spawner._spawn_future is not None:
                spawner._spawn_future.cancel()
                await asyncio.wait([spawner._spawn_future], timeout=SETTLE)
            if spawner.pending is None and (spawner.ready or intent is not None):
                await self._app().proxy.delete_user(user, name)
                await user.stop(name)
        except Exception as error:  # one server that cannot be stopped must not keep the others
            log.error("%s departed, and the server %r could not be stopped", user.name, name, exc_info=error)

    def _keep(self, work: Untyped) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def end_session(user: Untyped, kept_servers: frozenset[str]) -> None:
    """End every browser session and token of a person at the hub, but the own tokens of servers that go on.

    Such a token reaches its own server and gets nothing from the facility, for the sign-in itself is forgotten.
    """
    await user.save_auth_state(None)
    owner = user.orm_user
    owner.cookie_id = orm.new_token()  # no cookie that is out there names anybody now
    tokens = (user.spawners[name].api_token for name in kept_servers)  # empty where a former hub process made it
    own = {orm.APIToken.find(user.db, token) for token in tokens if token}
    for token in [*owner.api_tokens, *owner.oauth_codes]:
        if token not in own:
            user.db.delete(token)
    user.db.commit()


def _sentence(number: int, is_stopped: bool) -> str:
    if not number:
        return ""
    servers = "Your server" if number == 1 else f"Your {number} servers"
    if is_stopped:
        return f"{servers} {'was' if number == 1 else 'were'} stopped."
    return f"{servers} {'goes' if number == 1 else 'go'} on until the job ends; you reach it again once you can enter."
