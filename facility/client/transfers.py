"""Verbs about transfers from one tier to another."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from facility.answers import Transfer
from facility.client.asking import listed
from facility.client.work import WorkVerbs
from facility.errors import Unreachable, Unreadable
from facility.wire import decode

LOOK = 1.5
"""Seconds of one waiting question, so that progress is told while data move."""


@dataclass(frozen=True)
class Tier:
    """A place for data, and where one's own files are in it."""

    name: str
    title: str
    path: str


class TransferVerbs(WorkVerbs):
    """transfers: started, followed and ended in one's own name."""

    async def tiers(self) -> tuple[Tier, ...]:
        """The tiers of this facility."""
        return listed(Tier, await self._json("GET", "/transfers/tiers"), "tiers")

    async def transfers(self) -> tuple[Transfer, ...]:
        """One's own, the newest first."""
        found = await self._json("GET", "/transfers")
        if not isinstance(found, list):
            raise Unreadable("the answer holds no transfers", str(found))
        return tuple(decode(Transfer, one) for one in found)

    async def transfer(self, transfer_id: str, wait: float = 0.0) -> Transfer:
        """One of one's own, once it has ended or after `wait` seconds (30 at most)."""
        query = {"wait": f"{wait:g}"} if wait else {}
        return decode(Transfer, await self._json("GET", f"/transfers/{transfer_id}", query))

    async def start_transfer(
        self,
        source: tuple[str, str],
        destination: tuple[str, str],
        *,
        label: str = "",
        verify: bool = True,
        key: str = "",
    ) -> Transfer:
        """Start a copy between two places, each a tier's name and a path in it; the last is the copy's own name.

        The same `key` again is the same transfer.
        """
        places = {"source": source, "destination": destination}
        body: dict[str, object] = {name: {"tier": tier, "path": path} for name, (tier, path) in places.items()}
        return decode(Transfer, await self._start("/transfers", body | {"label": label, "verify": verify}, key))

    async def wait_transfer(
        self, transfer: Transfer, seconds: float, heard: Callable[[Transfer], None] = lambda transfer: None
    ) -> Transfer:
        """The transfer once it has ended; `heard` is told each time it was looked at, every second or two.

        Raises Unreachable when it has not ended within `seconds`: it goes on, and can be asked for by its id.
        """
        end = time.monotonic() + seconds
        while not transfer.is_final:
            left = end - time.monotonic()
            if left <= 0:
                raise Unreachable(f"transfer {transfer.id} has not ended within {seconds:g} s; it goes on")
            transfer = await self.transfer(transfer.id, min(left, LOOK))
            heard(transfer)
        return transfer

    async def cancel_transfer(self, transfer_id: str) -> Transfer:
        """End one of one's own; what was copied so far stays."""
        return decode(Transfer, await self._json("DELETE", f"/transfers/{transfer_id}"))
