"""Opened once when the hub starts: what is asked for in the background, and what the templates see of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime

from facility.client import FacilityClient, Patience
from facility.status import Board
from hub_ext.departed.store import Departures
from hub_ext.desk import HubDesk
from hub_ext.pages.facts import PageFacts
from hub_ext.pages.institution import InstitutionWatch
from hub_ext.pages.news import News
from spawners.untyped import Untyped


class Pages:
    """The pages of one hub; while it lives, the facility's announcements and the institution are looked at.

    Parameters
    ----------
    desk : the hub's side of the facility.
    issuers : the institutions by which people sign in.
    departures : whose sign-in ended.
    contact : whom such a person is told to ask.
    """

    def __init__(self, desk: HubDesk, issuers: list[str], departures: Departures, contact: str) -> None:
        self._departures = departures
        self._contact = contact
        self._url = desk.facts.service.url
        self.news = News(self._board, desk.news_seconds)
        self.institution = InstitutionWatch(issuers, desk.news_seconds)
        self.opened = datetime.now(UTC)
        self._tasks: list[asyncio.Task[None]] = []

    def open(self, app: Untyped) -> None:
        """Begin to look, and give every template `beamside`; a site's own `template_vars` stay."""
        settings = app.tornado_settings  # made just before the handlers
        facts = PageFacts(self.news, self.institution, self._departures, self._contact)
        seen = {"beamside": lambda _: facts}
        settings["template_vars"] = {**settings["template_vars"], **seen}
        for watch in (self.news, self.institution):
            self.keep(watch.run())

    def keep(self, work: Coroutine[None, None, None]) -> None:
        """Let something run in the background while the hub lives."""
        self._tasks.append(asyncio.ensure_future(work))

    async def _board(self) -> Board:
        """The facility's board; asked for once, for a second try comes with the next look anyway."""
        async with FacilityClient(self._url, _no_token, Patience(tries=1)) as client:
            return await client.board()


async def _no_token() -> str:
    """The board is for everybody."""
    return ""
