"""Changes and happenings to many listeners, each with a bounded queue; who falls behind starts anew."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection
from datetime import datetime
from itertools import chain
from typing import Protocol

from facility.service.events.happening_store import Told
from facility.service.events.happenings import TOPICS
from facility.service.scheduler.ledger import Ledger, Noted
from facility.service.scheduler.listener import Listener
from facility.sse import HEARTBEAT, render
from facility.wire import encode

HEARTBEAT_SECONDS = 15.0

KEPT_HAPPENINGS = 1000
"""How many happenings a listener may have missed and still go on without starting anew."""

JOBS = frozenset({"job"})
EVERYTHING = frozenset(TOPICS)


class Observer(Protocol):
    """Who hears all that is broadcast, at once and without waiting."""

    def changed(self, noted: list[Noted]) -> None:
        """These changes came."""
        ...

    def polled(self, taken: datetime) -> None:
        """The whole queue was looked at."""
        ...


class Broadcast:
    """Where the poller and whoever sees something speak, and event streams listen."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._listeners: dict[str, set[Listener]] = {}  # by user; "": those who hear of everybody
        self._happenings: deque[Told] = deque(maxlen=KEPT_HAPPENINGS)
        self._last_happening = 0
        self._hearers: list[Callable[[list[Noted]], None]] = []
        self._beat: asyncio.TimerHandle | None = None
        self._observers: dict[Observer, None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._listeners.values()))

    def hear(self, hearer: Callable[[list[Noted]], None]) -> None:
        """Let `hearer` hear of all changes of jobs; it must not wait."""
        self._hearers.append(hearer)

    def observe(self, observer: Observer) -> None:
        """Let `observer` hear everything from now on; once, however often it is said."""
        self._observers[observer] = None

    def publish(self, changes: list[Noted]) -> None:
        """Give changes to everybody whom they concern; never waits for anybody."""
        for hearer in self._hearers:
            hearer(changes)
        for observer in self._observers if changes else ():
            observer.changed(changes)
        for noted in changes:
            concerned = [each for each in self._of(noted.user) if "job" in each.topics]
            if concerned:
                event = encode(noted.change)
                alone = render("change", event, noted.change.version)
                among = render("change", event, self._id(noted.change.version))
                for listener in concerned:
                    listener.put(among if listener.is_whole else alone)

    def happened(self, told: Told) -> None:
        """Give a happening to everybody whom it concerns and who listens to more than jobs."""
        self._happenings.append(told)
        self._last_happening = told.id
        event = self._render(told)
        users = told.happening.users
        concerned = chain.from_iterable(map(self._of, users)) if users else self._everybody()
        for listener in set(concerned):
            if listener.is_whole and told.happening.topic in listener.topics:
                listener.put(event)

    def polled(self) -> None:
        """Tell everybody that the whole queue was looked at just now."""
        if self._ledger.taken:
            for observer in self._observers:
                observer.polled(self._ledger.taken)
            event = render("polled", {"taken": self._ledger.taken.isoformat()})
            for listener in self._everybody():
                if "job" in listener.topics:
                    listener.put(event)

    def close(self) -> None:
        """End every stream; who comes back later finds whoever serves then."""
        for listener in self._everybody():
            listener.end()

    def resync(self) -> None:
        """Let everybody start anew from the snapshot."""
        for listener in self._everybody():
            listener.fall_behind()

    async def stream(self, user: str, last_id: str, seconds: float) -> AsyncGenerator[bytes, None]:
        """Jobs only, for one listener (user "": every job) until `seconds` have passed, when its token ends."""
        async for piece in self.follow(Listener(user, JOBS, is_whole=False), last_id, seconds):
            yield piece

    async def events(
        self, user: str, last_id: str, seconds: float, topics: Collection[str] = EVERYTHING
    ) -> AsyncGenerator[bytes, None]:
        """Everything of these topics that concerns one listener, likewise."""
        async for piece in self.follow(Listener(user, frozenset(topics), is_whole=True), last_id, seconds):
            yield piece

    async def follow(self, listener: Listener, last_id: str, seconds: float) -> AsyncGenerator[bytes, None]:
        """What `listener` is given, several events at a time where several wait, until it ends."""
        self._add(listener)
        ending = asyncio.get_running_loop().call_later(seconds, listener.end)
        try:
            yield b"".join(self._beginning(listener, last_id))
            while (piece := await listener.next()) is not None:
                yield piece or b"".join((RESYNC, *self._beginning(listener, "")))
        finally:
            ending.cancel()
            self._remove(listener)

    def _beginning(self, listener: Listener, last_id: str) -> list[bytes]:
        """What was missed since `last_id`, or the snapshot; behind a mark where happenings were missed too."""
        version, _, number = last_id.partition("-")
        jobs = self._missed_jobs(listener, version) if "job" in listener.topics else []
        if not listener.is_whole:
            return self._snapshot(listener) if jobs is None else jobs
        happenings = self._missed_happenings(listener, number) if last_id else []
        if jobs is None or happenings is None:
            mark = [RESYNC] if last_id and happenings is None else []
            return mark + (self._snapshot(listener) if "job" in listener.topics else [HEARTBEAT])
        return jobs + happenings or [HEARTBEAT]

    def _missed_jobs(self, listener: Listener, version: str) -> list[bytes] | None:
        missed = self._ledger.since(int(version)) if version.isdecimal() else None
        if missed is None:
            return None
        own = [noted.change for noted in missed if listener.user in {"", noted.user}]
        if not listener.is_whole:
            return [render("change", encode(change), change.version) for change in own]
        return [render("change", encode(change), self._id(change.version)) for change in own]

    def _missed_happenings(self, listener: Listener, number: str) -> list[bytes] | None:
        last = int(number) if number.isdecimal() else -1
        oldest = self._happenings[0].id - 1 if self._happenings else self._last_happening
        if not oldest <= last <= self._last_happening:
            return None
        missed = (told for told in self._happenings if told.id > last and told.happening.topic in listener.topics)
        return [self._render(told) for told in missed if not listener.user or told.happening.concerns(listener.user)]

    def _snapshot(self, listener: Listener) -> list[bytes]:
        """The jobs. Before the first look at the queue there are none to tell."""
        snapshot = self._ledger.snapshot(listener.user)
        if snapshot is None:
            return [HEARTBEAT]
        id_ = self._id(snapshot.version) if listener.is_whole else snapshot.version
        return [render("snapshot", encode(snapshot), id_)]

    def _render(self, told: Told) -> bytes:
        happening = told.happening
        data = {"at": happening.at.isoformat(), "data": happening.data}
        return render(happening.event, data, f"{self._ledger.version_of()}-{told.id}")

    def _id(self, version: int) -> str:
        """The place in both orders: of the jobs' changes, and of the happenings."""
        return f"{version}-{self._last_happening}"

    def _of(self, user: str) -> Collection[Listener]:
        """Those who hear of this user."""
        return self._listeners.get(user, set()) | self._listeners.get("", set())

    def _everybody(self) -> list[Listener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]

    def _add(self, listener: Listener) -> None:
        self._listeners.setdefault(listener.user, set()).add(listener)
        if self._beat is None:
            self._beat = asyncio.get_running_loop().call_later(HEARTBEAT_SECONDS, self._keep_alive)

    def _remove(self, listener: Listener) -> None:
        held = self._listeners.get(listener.user, set())
        held.discard(listener)
        if not held:
            self._listeners.pop(listener.user, None)

    def _keep_alive(self) -> None:
        """One timer for all: a comment to everybody to whom nothing else is being sent."""
        for listener in self._everybody():
            listener.keep_alive()
        loop = asyncio.get_running_loop()
        self._beat = loop.call_later(HEARTBEAT_SECONDS, self._keep_alive) if self._listeners else None


RESYNC = render("resync", {})
"""This listener fell behind, or was away for too long: what it shows of anything but jobs must be read anew, and the
snapshot of the jobs follows."""
