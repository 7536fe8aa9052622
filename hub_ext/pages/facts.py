"""What the templates of every page may ask for: read from memory, so that drawing a page waits for nobody."""

from __future__ import annotations

from datetime import UTC, datetime

from hub_ext.departed.store import Departure, Departures
from hub_ext.pages.announcements import Announcements, announcements
from hub_ext.pages.institution import InstitutionWatch
from hub_ext.pages.news import News
from hub_ext.pages.operator import is_operator
from hub_ext.pages.servers import ServerInWords, told_of
from spawners.desks import current_desks
from spawners.intents import Ended
from spawners.untyped import Untyped


class PageFacts:
    """`beamside` in a template."""

    def __init__(self, news: News, institution: InstitutionWatch, departures: Departures, contact: str) -> None:
        self._news = news
        self._institution = institution
        self._departures = departures
        self.contact = contact

    @property
    def announcements(self) -> Announcements:
        """What there is to announce now."""
        return announcements(self._news.heard, self._institution.reached, datetime.now(UTC))

    def server(self, user: Untyped, name: str) -> ServerInWords | None:
        """One of a person's servers in words; None where it was not asked for."""
        desks = current_desks()
        intent = desks.intents.open_one(user.name, name)
        return None if intent is None else told_of(intent, desks, desks.first.now())

    @staticmethod
    def is_operator(parsed_scopes: Untyped) -> bool:
        """Whether the navigation shows the operators' page."""
        return is_operator(parsed_scopes)

    def last_end(self, user: Untyped, name: str) -> Ended | None:
        """How one of a person's servers ended last; None where it runs, and where it never did."""
        return current_desks().intents.last_end(user.name, name)

    def departure(self, user: Untyped) -> Departure | None:
        """Why a person who came back a short while ago had to sign in again; None for all others."""
        return self._departures.of_returned(user.name)
