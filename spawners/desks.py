"""All desks of a hub, one a system. hub_ext opens them when the hub starts; who finds none is told so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from facility.errors import FacilityError, OptionError
from spawners.desk import Desk
from spawners.intents import Intent, IntentStore
from spawners.start.metrics import show_poll_age


class Desks:
    """The desks by their systems' names; what is done for an intent is done at the desk of its system.

    Parameters
    ----------
    desks : at least one, the first of them for who names no system; they share one store of intents.
    """

    def __init__(self, desks: Sequence[Desk]) -> None:
        self.first = desks[0]
        self._by_name = {desk.name: desk for desk in desks}
        self._aliases = {alias: desk for desk in desks for alias in desk.system.aliases}

    def __iter__(self) -> Iterator[Desk]:
        return iter(self._by_name.values())

    @property
    def are_several(self) -> bool:
        """Whether there is a choice."""
        return len(self._by_name) > 1

    def title(self, desk: Desk) -> str:
        """What people call the desk's system; empty where there is no other to tell it from."""
        return desk.system.title if self.are_several else ""

    @property
    def intents(self) -> IntentStore:
        """The one store."""
        return self.first.intents

    def find(self, system: str) -> Desk | None:
        """The desk of the system of this name or alias; of no name, the first."""
        if not system:
            return self.first
        return self._by_name.get(system) or self._aliases.get(system)

    def chosen(self, system: str) -> Desk:
        """The desk of a system that a person chose. Raises OptionError for one that is not here."""
        if (desk := self.find(system)) is None:
            names = ", ".join(self._by_name)
            raise OptionError("system", f"there is no system of that name here; you may choose {names}")
        return desk

    def of(self, intent: Intent) -> Desk:
        """The desk of an intent's system. Raises FacilityError where no profile describes it any more."""
        if (desk := self.find(intent.system)) is None:
            raise FacilityError(f"no profile of this hub describes {intent.system}, where job {intent.job_id} is")
        return desk


_open: list[Desks] = []


def open_desks(desks: Desks) -> None:
    """Make `desks` those that this hub's spawners use, and whose views of the queue /metrics tells the age of."""
    _open[:] = [desks]
    for desk in desks:
        show_poll_age(desk.name, desk.feed)


def current_desks() -> Desks:
    """The desks that hub_ext opened.

    Raises FacilityError when none were.
    """
    if not _open:
        raise FacilityError("no facility desk is open: let hub_ext.configure(c, profile) wire this hub")
    return _open[0]
