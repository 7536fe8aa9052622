"""The status board: resources, outages and notes, from all who know of them, and what turns as it turns."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from facility.errors import FacilityError, NotFound, OptionError
from facility.models import JobState, Partition, Reservation
from facility.profile import Profile
from facility.service.clock import Clock
from facility.service.events.happenings import Happening
from facility.service.health.outages_file import OutagesFile
from facility.service.health.store import StatusStore
from facility.service.scheduler.facts import Facts
from facility.service.scheduler.ledger import Ledger
from facility.service.watched import Watched
from facility.status import Condition, Note, Outage, Resource

log = logging.getLogger(__name__)

LOOK = 2.0  # seconds between two looks for what turned
READING = 10.0  # seconds after which another process's posts, and the file, are known here
MAINTENANCE = "MAINT"
QUEUE = "queue"
STATUS = {Condition.UP: "available", Condition.DEGRADED: "degraded", Condition.DOWN: "unavailable"}
"""How events call the states."""


class StatusBoard:
    """What anybody may know of how the facility is. Reading it never waits for a disk or the scheduler."""

    def __init__(
        self, profile: Profile, facts: Facts, ledger: Ledger, scheduler: Watched, store: StatusStore, clock: Clock
    ) -> None:
        self._profile = profile
        self._facts = facts
        self._ledger = ledger
        self._scheduler = scheduler
        self._store = store
        self._clock = clock
        path = profile.service.outages_file
        self._file = OutagesFile(Path(path)) if path else None
        self._services: tuple[Watched, ...] = ()
        self._posted: tuple[Outage, ...] = ()
        self._announced: tuple[Outage, ...] = ()
        self._notes: tuple[Note, ...] = ()
        self._turned: dict[str, tuple[Condition, datetime]] = {}
        self.watched = Watched("status board", clock)

    def watch(self, services: Iterable[Watched]) -> None:
        """Show these parts of the service as resources too."""
        self._services = tuple(services)

    def resources(self) -> tuple[Resource, ...]:
        """Everything, the systems first."""
        return (*self._systems(), *self._partitions(), self._queue(), *map(self._service, self._services))

    def resource(self, name: str) -> Resource:
        """One of them. Raises NotFound with the names there are."""
        found = self.resources()
        for resource in found:
            if resource.name == name:
                return resource
        raise NotFound(f"there is no resource {name[:64]!r} here; there are {', '.join(r.name for r in found)}")

    def outages(self, resource: str = "", *, past: bool = False) -> tuple[Outage, ...]:
        """Outages (of one resource; empty: of all) that are or will be, and with `past` also those that were."""
        now = self._clock.now()
        known = (*self._maintenance(), *self._announced, *self._posted)
        wanted = [outage for outage in known if (not resource or outage.concerns(resource))]
        return tuple(sorted((o for o in wanted if past or not o.is_over(now)), key=lambda o: (o.starts, o.id)))

    def notes(self, resource: str = "", *, past: bool = False) -> tuple[Note, ...]:
        """What operators say (about one resource, or the whole), the newest first."""
        now = self._clock.now()
        wanted = [note for note in self._notes if not resource or note.resource in {"", resource}]
        return tuple(note for note in wanted if past or note.is_active(now))

    async def post_outage(
        self, by: str, resource: str, starts: datetime, ends: datetime | None, description: str, *,
        state: Condition = Condition.DOWN,
    ) -> Outage:  # fmt: skip
        """Announce one; it is unplanned where it begins now or earlier. Raises OptionError, NotFound, StoreFailed."""
        self._check(resource)
        if ends is not None and ends <= starts:
            raise OptionError("ends", "it must be after starts")
        planned = starts > self._clock.now()
        outage = Outage(
            id=str(uuid.uuid4()), resource=resource, starts=starts, ends=ends, description=description, state=state,
            planned=planned, source="operator", by=by,
        )  # fmt: skip
        await asyncio.to_thread(self._store.add_outage, outage)
        log.info("outage %s of %r announced by %s", outage.id, resource or "everything", by)
        await self.read()
        return outage

    async def end_outage(self, by: str, outage_id: str) -> Outage:
        """End or cancel one that an operator announced. Raises NotFound, StoreFailed."""
        await asyncio.to_thread(self._store.end_outage, outage_id, self._clock.now())
        log.info("outage %s ended by %s", outage_id, by)
        await self.read()
        return next(outage for outage in self._posted if outage.id == outage_id)

    async def post_note(self, by: str, resource: str, text: str, until: datetime | None = None) -> Note:
        """Say something. Raises NotFound for a resource that is not there, StoreFailed."""
        self._check(resource)
        note = Note(str(uuid.uuid4()), resource, text, self._clock.now(), by, until)
        await asyncio.to_thread(self._store.add_note, note)
        log.info("note %s about %r by %s", note.id, resource or "everything", by)
        await self.read()
        return note

    async def remove_note(self, by: str, note_id: str) -> None:
        """Take it back. Raises NotFound, StoreFailed."""
        await asyncio.to_thread(self._store.remove_note, note_id)
        log.info("note %s removed by %s", note_id, by)
        await self.read()

    async def read(self) -> None:
        """Learn what was posted, by whatever process, and what the file says."""
        self._posted = await asyncio.to_thread(self._store.outages, self._clock.now())
        self._notes = await asyncio.to_thread(self._store.notes)
        if self._file:
            self._announced = await asyncio.to_thread(self._file.read)

    async def run(self, tell: Callable[[Happening], None]) -> None:
        """Keep it current for ever, and tell what turned."""
        read_at = float("-inf")
        while True:
            if self._clock.monotonic() - read_at >= READING:
                read_at = self._clock.monotonic()
                try:
                    async with self.watched.use():
                        await self.read()
                except FacilityError as error:
                    log.debug("the status board is as it was: %s", error)
                except Exception as error:  # noqa: BLE001 - the outermost loop: a mistake must not end it
                    self.watched.failed(error)
            for happening in self.turns():
                tell(happening)
            await self._clock.sleep(LOOK)

    def turns(self) -> list[Happening]:
        """Which systems turned since the last call; nothing the first time. One turn has one cause in every process."""
        told = []
        for resource in self.resources():
            before = self._turned.get(resource.name)
            if before and before[0] == resource.state:
                continue
            self._turned[resource.name] = (resource.state, resource.since)
            is_news = before is not None and Condition.UNKNOWN not in {before[0], resource.state}
            if is_news and resource.kind == "system":  # of partitions and parts of the service others tell
                told.append(_happening(resource))
        return told

    def _systems(self) -> list[Resource]:
        now, scheduler = self._clock.now(), self._scheduler.subsystem
        partitions = self._partitions()
        shown = []
        for name, facts in self._profile.systems.items():
            state, since, words = Condition(scheduler.state), scheduler.since, ""
            if state is Condition.DOWN:
                words = f"the scheduler does not answer: {scheduler.last_error}"
            elif wrong := [part for part in partitions if part.state in {Condition.DOWN, Condition.DEGRADED}]:
                state, since = Condition.DEGRADED, max(part.since for part in wrong)
                words = "; ".join(f"{part.title}: {part.words}" for part in wrong)
            for outage in self.outages(name):
                if outage.is_active(now) and state is not Condition.DOWN:
                    state, since, words = outage.state, outage.starts, outage.description
            shown.append(self._as_known(Resource(name, facts.title, "system", state, since, words)))
        return shown

    def _partitions(self) -> list[Resource]:
        known = self._facts.partitions.latest
        return [self._partition(partition, known.as_of) for partition in known.value] if known else []

    def _partition(self, partition: Partition, as_of: datetime) -> Resource:
        words = self._profile.system.partitions.get(partition.name)
        gone = partition.unavailable_nodes
        state = Condition.DEGRADED if gone else Condition.UP
        if not partition.is_up or (gone and gone == partition.nodes):
            state = Condition.DOWN
        why = "it takes no jobs" if not partition.is_up else f"{gone} of {partition.nodes} nodes cannot be used"
        figures = {"nodes": partition.nodes, "idle": partition.idle_nodes, "unavailable": gone}
        title = words.title if words and words.title else partition.name
        shown = Resource(
            f"partition:{partition.name}",
            title,
            "partition",
            state,
            as_of,
            "" if state is Condition.UP else why,
            figures,
        )
        return self._as_known(shown)

    def _queue(self) -> Resource:
        """The jobs as last told: how many wait, run, and are counted in all."""
        counts = Counter(job.state for job in self._ledger.everything()[2])
        waiting = sum(count for state, count in counts.items() if state.is_waiting)
        subsystem = self._scheduler.subsystem
        figures = {"jobs": sum(counts.values()), "waiting": waiting, "running": counts[JobState.RUNNING]}
        state = Condition(subsystem.state)
        return Resource(
            QUEUE,
            "Batch queue",
            QUEUE,
            state,
            subsystem.since,
            subsystem.last_error if state is Condition.DOWN else "",
            figures,
        )

    @staticmethod
    def _service(watched: Watched) -> Resource:
        found = watched.subsystem
        words = found.last_error if found.state == "down" else ""
        return Resource(found.name.replace(" ", "_"), found.name, "service", Condition(found.state), found.since, words)

    def _maintenance(self) -> list[Outage]:
        """Slurm's reservations with the flag MAINT."""
        known = self._facts.reservations.latest
        found = [one for one in known.value if MAINTENANCE in one.flags] if known else []
        return [_outage(self._profile.system_name, one) for one in found]

    def _as_known(self, resource: Resource) -> Resource:
        """With the time since when it is so, as far back as this process has seen it."""
        before = self._turned.get(resource.name)
        if before and before[0] == resource.state:
            return Resource(**{**vars(resource), "since": min(before[1], resource.since)})
        return resource

    def _check(self, resource: str) -> None:
        if resource:
            self.resource(resource)


def _happening(resource: Resource) -> Happening:
    status = STATUS[resource.state]
    data = {"kind": resource.kind, "name": resource.name, "status": status, "since": resource.since.isoformat()}
    cause = f"resource.status:{resource.kind}:{resource.name}:{status}:{int(resource.since.timestamp())}"
    return Happening("resource.status", (), data | {"words": resource.words}, resource.since, cause)


def _outage(system: str, found: Reservation) -> Outage:
    return Outage(
        id=f"reservation-{found.name}-{int(found.starts.timestamp())}",
        resource=system,
        starts=found.starts,
        ends=found.ends,
        description=f"maintenance {found.name} on {found.node_list or 'all nodes'}",
        state=Condition.DEGRADED if found.node_list else Condition.DOWN,
        planned=True,
        source="reservation",
    )
