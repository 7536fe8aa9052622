"""Resources that turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

from facility.answers import Subsystem
from facility.models import Partition
from facility.service.events.happenings import Happening
from facility.service.health.resource_watch import ResourceWatch
from facility.service.scheduler.facts import Known
from facility.testing import FakeClock

MAIN = Partition("main", True, True, None, 8, 3, 16, 32000)


@dataclass
class Latest:
    """A fact, and the facts it is one of."""

    latest: Known | None

    @property
    def partitions(self) -> Latest:
        """As `Facts.partitions`."""
        return self


async def test_a_turn_is_told_and_a_state_is_not() -> None:
    """To everybody, with since when and why; what was never asked is told of as nothing."""
    clock, told = FakeClock(), list[Happening]()
    facts = Latest(None)
    subsystems = [Subsystem("scheduler", "up", clock.now()), Subsystem("QOS", "unknown", clock.now())]
    watch = ResourceWatch(facts, lambda: subsystems, told.append, clock)  # type: ignore[arg-type]  # facts that are given
    watch.look()
    facts.latest = Known((MAIN,), clock.now())
    watch.look()
    assert [] == told

    subsystems[0] = Subsystem("scheduler", "down", clock.now(), "squeue: no answer")
    facts.latest = Known((replace(MAIN, is_up=False),), clock.now())
    watch.look()
    watch.look()

    found = [(one.users, one.data["name"], one.data["status"], one.data["words"]) for one in told]
    assert [((), "scheduler", "unavailable", "squeue: no answer"), ((), "main", "unavailable", "")] == found
