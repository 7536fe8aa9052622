"""The choice of a system on the form: each is asked in its own time, so that none waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from facility.models import JobRequest
from facility.offer import Offer
from spawners.desk import Desk
from spawners.desks import Desks
from spawners.form.answer import Answer
from spawners.form.cards import Card
from spawners.form.options import Judge
from spawners.form.systems import system_card

GLANCE = 0.05
"""Seconds that a form waits for the systems that it does not show, once the one that it shows has answered."""

_asked: set[asyncio.Task[Offer]] = set()
"""Questions that no form waits for any more; their answers are there for the next one."""


def system_in(asked: Mapping[str, object]) -> str:
    """The name of the system in options that nobody judged; empty where there is none."""
    value = asked.get("system", "")
    value = value[-1] if isinstance(value, list) and value else value
    return value if isinstance(value, str) else ""


class Choice:
    """What the systems of a hub offer one person, and which of them is shown.

    Parameters
    ----------
    shown : the desk whose offer the form is about.
    offers : what is known by now, by the system's name; always that of `shown`.
    site : what the operator's `req_*` put in the place of choices that are left out.
    """

    def __init__(self, desks: Desks, shown: Desk, offers: Mapping[str, Offer], now: datetime, site: Answer) -> None:
        self.shown = shown
        self.offer = offers[shown.name]
        self.now = now
        self._desks = desks
        self._offers = offers
        self._site = site
        self._judges: dict[str, Judge] = {}

    @property
    def system(self) -> str:
        """The name of the one that is shown; empty where there is no choice."""
        return self.shown.name if self._desks.are_several else ""

    @property
    def cards(self) -> list[Card]:
        """One a system; none where there is no choice."""
        several = self._desks if self._desks.are_several else ()
        return [system_card(desk.name, desk.system, self._offers.get(desk.name), self.now) for desk in several]

    def read(self, user_options: Mapping[str, object]) -> JobRequest | None:
        """The choices judged by what their own system offers; None where that is not known yet.

        Raises OptionError for the first that cannot be granted.
        """
        desk = self._desks.chosen(system_in(user_options))
        if (offer := self._offers.get(desk.name)) is None:
            return None
        if desk.name not in self._judges:
            self._judges[desk.name] = Judge(offer, desk.system, self.now, self._site)
        return self._judges[desk.name].read({**user_options, "system": desk.name})


async def look(desks: Desks, shown: Desk, user: str, site: Answer) -> Choice:
    """Ask every system at once, and wait for the one that is shown."""
    tasks = {desk.name: asyncio.ensure_future(desk.offers.offer(user, quick=True)) for desk in desks}
    for task in tasks.values():
        _asked.add(task)
        task.add_done_callback(_asked.discard)
    await asyncio.shield(tasks[shown.name])
    await asyncio.wait(tasks.values(), timeout=GLANCE)
    known = {name: task.result() for name, task in tasks.items() if task.done()}
    return Choice(desks, shown, known, shown.now(), site)
