"""What one person may use right now, each part with its age; the form is drawn from it and the answer judged by it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from facility.admission import JudgedReservation
from facility.answers import Accounts, Images, Reservations
from facility.client import FacilityClient
from facility.errors import Busy, FacilityError
from facility.models import Entitlement, Image, Partition, Qos

log = logging.getLogger(__name__)
T = TypeVar("T")
Other = TypeVar("Other")
Answer = TypeVar("Answer", Accounts, Reservations, Images)

BUDGET = 2.0
"""Seconds in which an Offer is there, whatever the service does."""

QUICK = 0.05
"""Seconds for which a page that is drawn waits for newer answers than those that are held."""

COMING_BACK = 0.2
"""Seconds for the same where nobody asked about a person for a while: a first look should not be at what was then."""

INSISTING = 20.0
"""Seconds that a start waits for an answer in whose place nothing stands: refused, it would only be tried again."""

SLICES = 10
"""Parts of a patience, each waited for by itself; see `_within`."""

RECENT = 60.0
"""Seconds for which an answer that was had is not called old for a newer one that a page did not wait for."""

FRESH = 5.0
"""Seconds for which an answer serves every further question about its person: a page that asks often costs nothing."""

KEPT = timedelta(hours=24)
"""How long a last good answer stands in for a service that gives none."""

FAILURES_BEFORE_REST = 3
REST = 10.0  # seconds in which a service that failed again and again is not waited for
LONGEST_REST = 60.0  # seconds for which a service that asks to be left alone is


@dataclass(frozen=True)
class Part(Generic[T]):
    """One part of an Offer."""

    value: T
    as_of: datetime | None  # None: never known
    stale: bool = False  # an older answer stands in
    problem: str = ""  # why it is stale or missing, in words
    coming: bool = False  # nothing failed: a newer answer is on its way, and a page did not wait for it

    def carrying(self, value: Other) -> Part[Other]:
        """The same age and problem, with another value."""
        return Part(value, self.as_of, self.stale, self.problem, self.coming)


@dataclass(frozen=True)
class Offer:
    """Everything the spawn form needs of the facility. A missing part is empty and says why in its `problem`."""

    user: str
    entitlements: Part[tuple[Entitlement, ...]]  # the default account's first
    qos: Part[tuple[Qos, ...]]
    partitions: Part[tuple[Partition, ...]]
    reservations: Part[tuple[JudgedReservation, ...]]  # those that admit the user, running or to come
    images: Part[tuple[Image, ...]]
    near: tuple[JudgedReservation, ...] = ()  # those that name the user and do not admit; as old as `reservations`
    system: str = ""  # what the profile calls the system that offers it

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts the user may charge, the default one first."""
        return tuple(dict.fromkeys(entitlement.account for entitlement in self.entitlements.value))

    def qos_of(self, account: str) -> tuple[str, ...]:
        """The QOS that `account` may be charged with by this user."""
        own = (entitlement for entitlement in self.entitlements.value if entitlement.account == account)
        return tuple(dict.fromkeys(name for entitlement in own for name in entitlement.qos))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is stale or missing, each said once."""
        parts = (self.entitlements, self.qos, self.partitions, self.reservations, self.images)
        return tuple(dict.fromkeys(part.problem for part in parts if part.problem))


class OfferSource:
    """Makes Offers from a service that may be slow or away: within BUDGET for a page, the last good parts kept.

    However many ask about one person, the service hears each question once at a time, and not again while the answer
    is fresh.

    Parameters
    ----------
    client : the facility service.
    fresh : seconds for which an answer is not asked for again.
    system : what the profile calls the service's system.
    """

    def __init__(self, client: FacilityClient, fresh: float = FRESH, system: str = "") -> None:
        self._system = system
        self._accounts = _Question("accounts", client.accounts, fresh)
        self._reservations = _Question("reservations", client.reservations, fresh)
        self._images = _Question("images", client.images, fresh)
        self._failures = 0
        self._rests_until = 0.0

    async def offer(self, user: str, *, quick: bool = False, insist: bool = False) -> Offer:
        """What `user` may use. Never raises for a facility that fails: the parts say what is stale or missing.

        `quick` waits for a moment only where older answers are held; the newer ones are there at the next call.
        `insist` waits INSISTING where none is held, also for a service that is left alone after failures.
        """
        patience = BUDGET if time.monotonic() >= self._rests_until else 0.0
        quick = quick and all(question.holds(user) for question in (self._accounts, self._reservations, self._images))

        def waits(question: _Question[Answer]) -> float:
            return INSISTING if insist and not question.holds(user) else patience

        accounts, reservations, images = await asyncio.gather(
            self._accounts.ask(user, waits(self._accounts), quick=quick),
            self._reservations.ask(user, waits(self._reservations), quick=quick),
            self._images.ask(user, waits(self._images), quick=quick),
        )
        if patience and not accounts.coming:
            self._count(failed=accounts.stale or accounts.value is None)
        known = reservations.value
        return Offer(
            user=user,
            entitlements=accounts.carrying(accounts.value.entitlements if accounts.value else ()),
            qos=accounts.carrying(accounts.value.qos if accounts.value else ()),
            partitions=accounts.carrying(accounts.value.partitions if accounts.value else ()),
            reservations=reservations.carrying(_not_ended(known.reservations if known else ())),
            near=_not_ended(known.near if known else ()),
            images=images.carrying(images.value.images if images.value else ()),
            system=self._system,
        )

    def _count(self, *, failed: bool) -> None:
        """After a few failures the service is left alone for a while, so that forms do not each wait for it."""
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES_BEFORE_REST:
            self._rests_until = time.monotonic() + REST
            self._failures = 0


class _Question(Generic[Answer]):
    """One question to the service, with the last good answer for each user."""

    def __init__(self, what: str, asked: Callable[[str], Awaitable[Answer]], fresh: float) -> None:
        self._what = what
        self._asked: Callable[[str], Awaitable[Answer]] = asked
        self._fresh = fresh
        self._last: dict[str, Answer] = {}
        self._fresh_until: dict[str, float] = {}
        self._heard: dict[str, float] = {}  # when; what it tells of may be older, for some of it is asked for rarely
        self._under_way: dict[str, asyncio.Task[Answer]] = {}
        self._failed: dict[str, FacilityError] = {}  # why the last question about a person had no answer
        self._rests_until = 0.0  # as the service asked for

    def holds(self, user: str) -> bool:
        """Whether a good answer for `user` could stand in."""
        return user in self._last

    async def ask(self, user: str, patience: float, *, quick: bool = False) -> Part[Answer | None]:
        """The answer, or the last good one where none comes within `patience` seconds; 0 does not ask.

        `quick`: a moment is enough, and no answer in it says nothing of the service.
        """
        if time.monotonic() < self._fresh_until.get(user, 0.0):
            return self._told(self._last[user])
        if not patience or time.monotonic() < self._rests_until:
            return self._stand_in(user, "the facility service did not answer lately; it is asked again in a moment")
        patience = min(patience, QUICK if self._is_recent(user) else COMING_BACK) if quick else patience
        try:
            # one who stops waiting leaves the question to the others, and its answer to the next
            return self._told(await _within(patience, self._question(user)))
        except TimeoutError:
            last, failed = self._last.get(user), self._failed.get(user)
            if quick and last and not failed:
                told = self._told(last)
                newer = f"{self._what}: a newer answer is on its way"
                return told if told.problem or self._is_recent(user) else Part(last, last.as_of, True, newer, True)
            return self._stand_in(user, str(failed or f"the facility service gave no answer within {patience:g} s"))
        except FacilityError as error:
            if isinstance(error, Busy):
                self._rests_until = time.monotonic() + min(error.retry_after, LONGEST_REST)
            return self._stand_in(user, str(error))

    def _question(self, user: str) -> asyncio.Task[Answer]:
        """The question that is under way for `user`; put now where there is none. The client bounds its time."""
        if user not in self._under_way:
            task = self._under_way[user] = asyncio.create_task(self._put(user), name=f"beamside {self._what}")
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may be waiting any more
        return self._under_way[user]

    async def _put(self, user: str) -> Answer:
        try:
            answer = self._last[user] = await self._asked(user)
            self._heard[user] = time.monotonic()
            self._fresh_until[user] = self._heard[user] + self._fresh
            self._failed.pop(user, None)
            return answer
        except FacilityError as error:
            self._failed[user] = error
            raise
        finally:
            del self._under_way[user]

    def _is_recent(self, user: str) -> bool:
        """Whether the last answer about `user` was had a short while ago."""
        return time.monotonic() - self._heard.get(user, float("-inf")) < RECENT

    @staticmethod
    def _expired(answer: Answer) -> bool:
        return datetime.now(UTC) - answer.as_of > KEPT

    def _told(self, answer: Answer) -> Part[Answer | None]:
        if answer.problem and self._expired(answer):
            return Part(None, None, problem=f"{self._what}: not known since {answer.as_of:%d %B}: {answer.problem}")
        return Part(answer, answer.as_of, stale=bool(answer.problem), problem=answer.problem)

    def _stand_in(self, user: str, problem: str) -> Part[Answer | None]:
        log.info("no fresh %s for %s: %s", self._what, user, problem)
        last = self._last.get(user)
        if last is None or self._expired(last):
            return Part(None, None, problem=f"{self._what}: {problem}")
        return Part(last, last.as_of, stale=True, problem=f"{self._what}: {problem}")


async def _within(patience: float, question: asyncio.Task[Answer]) -> Answer:
    """The answer that comes within `patience` seconds of waiting; the question goes on where none does.

    Raises TimeoutError. What counts is the time that this process was free to hear the answer: while it is busy with
    hundreds of starts, one turn of its event loop may take seconds, and an answer takes several turns to be read.
    """
    for _ in range(SLICES):
        if (await asyncio.wait({question}, timeout=patience / SLICES))[0]:
            return question.result()
    raise TimeoutError


def _not_ended(known: tuple[JudgedReservation, ...]) -> tuple[JudgedReservation, ...]:
    """Reservations of an answer that may be old: those that have ended since are left out."""
    now = datetime.now(UTC)
    return tuple(reservation for reservation in known if reservation.ends > now)
