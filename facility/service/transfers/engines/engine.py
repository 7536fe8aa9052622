"""What every engine offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from facility.conversation import Conversation
from facility.service.caller import Mandate
from facility.service.transfers.tiers import Spot


@dataclass(frozen=True)
class Reached:
    """How far a transfer is. Figures that an engine does not tell are None."""

    bytes_done: int = 0
    bytes_total: int | None = None
    files_done: int = 0
    files_total: int | None = None
    verified: int | None = None  # files whose two sides were read and compared at the end; None: not asked for
    skipped: tuple[str, ...] = ()  # neither file, directory nor link: the first twenty
    bytes_per_second: float | None = None
    engine_id: str = ""  # by which the engine finds what an earlier attempt began


@dataclass(frozen=True)
class Order:
    """What is to be brought where, and in whose name."""

    mandate: Mandate
    source: Spot
    destination: Spot
    label: str
    verify: bool
    reached: Reached  # by earlier attempts
    attempt: int


Report = Callable[[Reached], Awaitable[None]]
"""Stores how far it is."""


class Acts(Protocol):
    """Acting for one person; `facility.as_user.Acting` is it."""

    def start(
        self, verb: str, arguments: Sequence[str], digest: str, timeout: float, user: str = ""
    ) -> AbstractAsyncContextManager[Conversation]:
        """One thing under way, ended with the block."""
        ...


class Engine(Protocol):
    """One way to carry data."""

    name: str

    async def carry(self, order: Order, report: Report) -> Reached:
        """Bring it there, going on where earlier attempts were cut off; a name is seen only when its file is whole.

        Raises Refused where trying again cannot help, and Unreachable where it may. Cancelling it leaves what was
        brought so far, and nothing half done under its own name.
        """
        ...

    async def cancel(self, order: Order) -> None:
        """End what goes on elsewhere though `carry` was cancelled; nothing to end is no error."""
        ...


def reached_from(found: dict[str, Any]) -> Reached:
    """How far an operation's stored result says that it is."""
    known = {name: value for name, value in found.items() if name in Reached.__dataclass_fields__}
    return Reached(**{**known, "skipped": tuple(known.get("skipped", ()))})
