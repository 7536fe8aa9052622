"""After a hub restart: starts that were under way go on without a click, stops that were asked for are finished."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from itertools import groupby
from operator import attrgetter

from hub_ext.notice import tell_spawners
from hub_ext.proxy_watch import keep_routes
from spawners.desk import Desk
from spawners.desks import current_desks
from spawners.intents import Intent
from spawners.start.submit import cancel_spares, see_off
from spawners.untyped import Untyped

log = logging.getLogger("beamside.resume")

LOOK_EVERY = 10.0
"""Seconds between two looks at a job whose server JupyterHub does not know any more."""

SWEEP_EVERY = 30.0
"""Seconds between two looks, in the shared feed, for a job of ours that no open intent knows."""


_owner = attrgetter("user")


class Resumption:
    """Enters every unfinished start again, once the hub is up and its own start-up check is over."""

    def __init__(self, app: Untyped) -> None:
        self._app = app
        self._intents = current_desks().intents.all_open()  # those of the former process; new ones are not ours
        self._tasks = {asyncio.ensure_future(self._run())}

    async def _run(self) -> None:
        await self._app._start_future  # set by JupyterHub when it listens and its proxy is checked
        if not self._app.proxy.should_start:
            self._keep(keep_routes(self._app))
        for name, intents in groupby(sorted(self._intents, key=_owner), _owner):
            user = self._app.users.get(name)  # once a person: JupyterHub reads all their servers from its database
            known = user.orm_user.orm_spawners if user is not None else None
            for intent in intents:
                self._take_up(intent, known)
        for desk in current_desks():
            self._keep(self._sweep(desk))
            self._keep(tell_spawners(self._app, desk))

    def _take_up(self, intent: Intent, known: Untyped) -> None:
        """Go on with one intent. `known`: the person's servers by name; None where JupyterHub knows no such person."""
        if known is not None and intent.server not in known:  # it was removed for good
            self._keep(self._see_off(intent, f"the server {intent.server!r} of {intent.user} was removed"))
        elif intent.stopping or not intent.is_claimed:
            self._keep(self._resume(intent))
        elif known is not None and known[intent.server].server is None:  # another spawner ended it meanwhile
            self._keep(self._settle(intent))

    @staticmethod
    async def _sweep(desk: Desk) -> None:
        """Each system by itself: one that does not answer keeps no other from being looked at."""
        while True:
            await cancel_spares(desk)
            await asyncio.sleep(SWEEP_EVERY)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _resume(self, intent: Intent) -> None:
        user = self._app.users.get(intent.user)
        if user is None:
            await self._see_off(intent, f"user {intent.user} is gone from this hub")
            return
        while user.spawners[intent.server].pending == "check":  # noqa: ASYNC110 - JupyterHub has no event for its end
            await asyncio.sleep(0.1)
        if intent.stopping:
            await see_off(current_desks().of(intent), intent)
            return
        spawner = user.spawners[intent.server]
        if spawner.active:
            return  # somebody was quicker; the same intent goes on there
        spawner._spawn_pending = True
        spawner._spawn_future = asyncio.ensure_future(self._start(user, intent.server))
        await asyncio.wait([spawner._spawn_future])
        spawner._spawn_pending = False  # here, for a start that was cancelled before its first step clears nothing
        if spawner._spawn_future.cancelled():
            log.info("the start of %s's server %r was cancelled", user.name, intent.server)
            spawner._spawn_future = None
        elif (error := spawner._spawn_future.exception()) is not None:
            log.error("the start of %s's server %r ended after the hub's restart: %s", user.name, intent.server, error)
        else:
            spawner._spawn_future = None

    @staticmethod
    async def _see_off(intent: Intent, why: str) -> None:
        """End a job that nobody can reach or stop any more, if there still is one, and the intent with it."""
        log.warning("%s; job %s is cancelled if it still runs", why, intent.job_id or "(none)")
        await see_off(current_desks().of(intent), intent)

    async def _settle(self, intent: Intent) -> None:
        """Look until the job is gone, and name its end; JupyterHub looks after no server that it does not know."""
        spawner = self._app.users[intent.user].spawners[intent.server]
        while not spawner.active and await spawner.poll() is None:  # noqa: ASYNC110 - the end of a job is no event here
            await asyncio.sleep(LOOK_EVERY)

    async def _start(self, user: Untyped, server: str) -> None:
        """What JupyterHub does for a click, without one: start, then lead the browser there."""
        spawner = user.spawners[server]
        log.info("entering the start of %s's server %r again", user.name, server)
        try:
            await user.spawn(server)
            spawner._proxy_pending = True
            await self._app.proxy.add_user(user, server)
            spawner.add_poll_callback(self._stopped, user, server)
        finally:
            spawner._proxy_pending = False

    async def _stopped(self, user: Untyped, server: str) -> None:
        await self._app.proxy.delete_user(user, server)
        await user.stop(server)
