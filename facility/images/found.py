"""What a catalogue tells of an image, before anybody judged who may see it and whether Jupyter runs in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Found:
    """One container image of a catalogue. It is for everybody where neither `uids` nor `gids` names anybody."""

    runtime: str  # what starts it: "shifter", "podman-hpc" or "charliecloud"
    name: str  # as the runtime takes it
    labels: Mapping[str, str] = field(default_factory=dict)
    uids: frozenset[int] = frozenset()
    gids: frozenset[int] = frozenset()
    pulled: datetime | None = None  # None: the catalogue does not tell
    why_not: str = ""  # why the catalogue itself says that it cannot be started on compute nodes

    def is_for(self, uid: int, gid: int) -> bool:
        """Whether the account with this uid and primary group may see it."""
        return not (self.uids or self.gids) or uid in self.uids or gid in self.gids


class Driver(Protocol):
    """One way to ask for images."""

    async def found(self) -> tuple[Found, ...]:
        """Every image that this catalogue shows us; none is an answer.

        Raises Unreachable where it gives no answer, and Unreadable for one that cannot be understood.
        """
        ...
