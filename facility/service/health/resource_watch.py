"""Resources that become available or unavailable, told to everybody: partitions, and what the service stands on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from facility.answers import Subsystem
from facility.service.clock import Clock
from facility.service.events.happenings import Happening
from facility.service.scheduler.facts import Facts

LOOK = 5.0  # seconds between two looks at what is known anyway; the scheduler is not asked


@dataclass(frozen=True)
class ResourceState:
    """How one resource is."""

    kind: str  # "partition" or "service"
    name: str
    is_up: bool
    since: datetime
    words: str = ""


class ResourceWatch:
    """Tells when a resource is different from how it was at the last look; how it was at the first is no news."""

    def __init__(
        self,
        facts: Facts,
        subsystems: Callable[[], Iterable[Subsystem]],
        tell: Callable[[Happening], None],
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._subsystems = subsystems
        self._tell = tell
        self._clock = clock
        self._seen: dict[tuple[str, str], bool] = {}

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            self.look()
            await self._clock.sleep(LOOK)

    def look(self) -> None:
        """Tell what is different now."""
        for state in self._states():
            place = (state.kind, state.name)
            before = self._seen.get(place)
            self._seen[place] = state.is_up
            if before is not None and before != state.is_up:
                self._tell(_happening(state))

    def _states(self) -> Iterator[ResourceState]:
        """Those that are known; of what was never asked nothing is told."""
        for subsystem in self._subsystems():
            if subsystem.state != "unknown":
                words = subsystem.last_error if subsystem.state == "down" else ""
                yield ResourceState("service", subsystem.name, subsystem.state == "up", subsystem.since, words)
        if known := self._facts.partitions.latest:
            for partition in known.value:
                yield ResourceState("partition", partition.name, partition.is_up, known.as_of)


def _happening(state: ResourceState) -> Happening:
    status = "available" if state.is_up else "unavailable"
    data = {"kind": state.kind, "name": state.name, "status": status, "since": state.since.isoformat()}
    cause = f"resource.status:{state.kind}:{state.name}:{status}:{int(state.since.timestamp())}"
    return Happening("resource.status", (), data | {"words": state.words}, state.since, cause)
