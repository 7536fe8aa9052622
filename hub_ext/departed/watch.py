"""Rounds of questions about the people who are here: do their sign-ins still count, at home and at the facility?"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from jupyterhub import orm

from facility.errors import FacilityError
from hub_ext.departed.why import Departed
from hub_ext.pages.overview import Fault
from spawners.desks import current_desks
from spawners.untyped import Untyped

log = logging.getLogger("beamside.departed")

HERE = timedelta(days=1)
"""Whoever was not seen for so long and runs nothing is asked about when they come back."""

AT_ONCE = 2
"""Departures that one round believes whatever the number of people; above that, half of those it asked about."""

PAUSE = 0.2
"""Seconds between two people at least: the institution is not flooded."""


class DepartureWatch:
    """Asks about everybody who has a server or was seen within a day, one after the other.

    Many who seem to leave at once have not left: an institution that lost its database, a directory that is away, say
    the same. Then nothing is ended, and the operators' page says so.
    """

    def __init__(self, authenticator: Untyped, app: Untyped) -> None:
        self._authenticator = authenticator
        self._app = app
        self.fault: Fault | None = None

    async def run(self) -> None:
        """Ask for ever, once the hub is up."""
        await self._app._start_future  # set by JupyterHub when it listens
        while True:
            await asyncio.sleep(self._authenticator.standing_seconds)
            try:
                await self.look()
            except Exception as error:  # the outermost loop: a mistake must not end it
                log.error("it could not be asked whose sign-in still counts, for a mistake", exc_info=error)

    async def look(self) -> None:
        """One round."""
        for departure in self._authenticator.departures.owed():
            await self._authenticator.endings.tell_facilities(departure)
        asked, gone, silent = 0, [], ""
        for name in self._names():
            user = self._app.users.get(name)
            if user is None or not user.encrypted_auth_state:
                continue
            asked += 1
            login = await self._authenticator.login_in(user)
            try:
                await self._authenticator.look_again(user)
            except Departed as word:
                gone.append((user, login, word))
            except FacilityError as error:
                silent = f"{name}: {error}"
            await asyncio.sleep(PAUSE)
        if silent:
            log.warning("nothing can be said of some sign-ins right now, so nothing ends; the last was %s", silent)
        if self._is_doubtful(len(gone), asked):
            return
        for user, login, word_of_it in gone:
            if await self._authenticator.login_in(user) == login:  # nobody signed in anew meanwhile
                await self._authenticator.endings.carry_out(user, login, word_of_it)

    def _names(self) -> list[str]:
        """Who is here: with a server, or seen a short while ago."""
        since = (datetime.now(UTC) - HERE).replace(tzinfo=None)  # JupyterHub stores UTC without saying so
        seen = self._app.db.query(orm.User.name).filter(orm.User.last_activity >= since)
        return sorted({intent.user for intent in current_desks().intents.all_open()} | {row[0] for row in seen})

    def _is_doubtful(self, gone: int, asked: int) -> bool:
        if gone <= max(AT_ONCE, asked // 2):
            self.fault = None
            return False
        words = f"{gone} of {asked} people seem to have left at once; that is taken for a fault, and nothing is ended"
        if self.fault is None:
            log.error("%s", words)
        self.fault = Fault("sign-ins", "doubtful", self.fault.since if self.fault else datetime.now(UTC), words)
        return True
