"""When one node would start in each partition and QOS, as the scheduler reckons: asked seldom, told to everybody.

A question costs the scheduler more than a look at its queue, and cards are open in many browsers. So one question at a
time is put, in the name of whoever looks at the form, and its answer stands for all: what is free now decides it, and
what differs from person to person is told of the request itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from facility.errors import OptionError
from facility.models import Estimate, JobRequest

ASKED_ANEW = timedelta(minutes=5)
"""An answer that is older is asked for again while somebody looks."""

TOLD = timedelta(minutes=15)
"""An answer that is older says nothing any more."""

PAUSE = timedelta(minutes=1)
"""Before the next question where one was not answered."""

Place = tuple[str, str]
"""The form's field, "partition" or "qos", and the name that is chosen there."""


@dataclass(frozen=True)
class Starts:
    """What is reckoned, for each name of which anything is; others are not in the dictionaries."""

    partitions: Mapping[str, Estimate] = field(default_factory=dict)
    qos: Mapping[str, Estimate] = field(default_factory=dict)


class Estimates(Protocol):
    """When a request would start, as the scheduler reckons; None for one that does not answer."""

    async def ask(self, user: str, request: JobRequest) -> Estimate | None: ...


class UsualStarts:
    """One system's."""

    def __init__(self, estimates: Estimates, now: Callable[[], datetime]) -> None:
        self._estimates = estimates
        self._now = now
        self._told: dict[Place, Estimate] = {}
        self._not_before: datetime | None = None
        self._asking: asyncio.Task[None] | None = None

    def known(self) -> Starts:
        """What was told lately."""
        since = self._now() - TOLD
        told = {place: one for place, one in self._told.items() if one.starts is not None and one.as_of > since}
        return Starts(
            {name: one for (kind, name), one in told.items() if kind == "partition"},
            {name: one for (kind, name), one in told.items() if kind == "qos"},
        )

    def look(self, user: str, places: Iterable[Place], read: Callable[[Place], JobRequest]) -> None:
        """Somebody looks at these places: ask about the one asked longest ago, unless a question is under way.

        read : what the place alone comes to as a request of this person's. May raise OptionError: it is asked no more
            for a while.
        """
        now = self._now()
        if self._asking is not None or (self._not_before is not None and now < self._not_before):
            return
        due = {place: self._told[place].as_of if place in self._told else None for place in places}
        old = [place for place, asked in due.items() if asked is None or now - asked > ASKED_ANEW]
        if not old:
            return
        place = min(old, key=lambda one: (due[one] is not None, due[one] or now))
        try:
            request = read(place)
        except OptionError as error:
            self._told[place] = Estimate(now, why_not=error.reason)
            return
        self._asking = asyncio.create_task(self._ask(user, place, request))

    async def _ask(self, user: str, place: Place, request: JobRequest) -> None:
        try:
            found = await self._estimates.ask(user, request)
        finally:
            self._asking = None
        if found is None or found.problem:
            self._not_before = self._now() + PAUSE
        else:
            self._told[place] = found
