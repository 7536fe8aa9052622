"""Transfers between tiers as durable operations: started, followed and ended by their owner, whatever engine carries.

Every view of transfers (our own, the Superfacility API's) hands a `Wish` to the one `Transfers`.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facility.answers import Transfer, TransferPlace
from facility.errors import Busy, FacilityError, NotFound, Refused, Unreachable
from facility.profile import Profile
from facility.service.caller import Caller, Mandate
from facility.service.clock import Clock
from facility.service.events.happenings import Happening
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operation, Operations, OperationState, Progress, patiently
from facility.service.transfers.engines.engine import Engine, Order, Reached, reached_from
from facility.service.transfers.tiers import Spot, spot
from facility.wire import encode

log = logging.getLogger(__name__)

KIND = "transfer"
VERBS = frozenset({"transfer"})
DELEGATED = 48 * 3600.0
"""Seconds for which a transfer may go on acting for the person."""

LONGEST_LABEL = 128
MOST_OPEN = 50
"""Transfers of one person that have not ended."""

AT_ONCE = 4
"""Transfers that one process carries at a time."""

STORED_EVERY = 1.0  # seconds between two figures that are stored

STATES = {
    OperationState.NEW: "ACTIVE",
    OperationState.RUNNING: "ACTIVE",
    OperationState.COMPLETED: "SUCCEEDED",
    OperationState.FAILED: "FAILED",
    OperationState.CANCELLED: "CANCELED",
}
"""The words of the Superfacility API, which are Globus's."""


@dataclass(frozen=True)
class Wish:
    """What a person wants to be brought where. Paths begin at their tier's own directory, or hold it."""

    source_tier: str  # its name, or its Globus collection
    source_path: str
    destination_tier: str
    destination_path: str  # the copy's own name, not the directory to put it in
    label: str = ""
    verify: bool = True  # read both sides again at the end and compare


class Transfers:
    """Starts, tells of and cancels transfers, always as the person of a mandate."""

    def __init__(
        self,
        profile: Profile,
        operations: Operations,
        engines: tuple[Engine, ...],
        delegated: Delegated,
        tell: Callable[[Happening], None],
        clock: Clock,
    ) -> None:
        self._profile = profile
        self._operations = operations
        self._engines = {engine.name: engine for engine in engines}
        self._delegated = delegated
        self._tell = tell
        self._clock = clock
        operations.handle(KIND, self._carry, of=("transfers", "sfapi"), at_once=AT_ONCE)

    async def start(self, caller: Caller, wish: Wish, *, key: str = "") -> Transfer:
        """Store a transfer; it begins at once where there is room. The same `key` again is the same transfer.

        Raises NotFound for a tier that there is not, Refused for a path outside of it, Busy where too many are open.
        """
        payload = self._payload(caller.user, wish)
        opened = (OperationState.NEW, OperationState.RUNNING)
        if len(await self._operations.list(caller.user, (KIND,), opened)) >= MOST_OPEN:
            raise Busy(f"{MOST_OPEN} transfers of {caller.user} have not ended yet; wait for one, or cancel it", 30.0)
        return _transfer(await self._delegated.add(caller, KIND, payload, VERBS, DELEGATED, key))

    async def get(self, transfer_id: str, user: str) -> Transfer:
        """One transfer of this person's. Raises NotFound."""
        return _transfer(await self._operation(transfer_id, user))

    async def list(self, user: str) -> tuple[Transfer, ...]:
        """This person's newest thousand, the newest first."""
        return tuple(_transfer(found) for found in await self._operations.list(user, (KIND,)))

    async def cancel(self, transfer_id: str, user: str) -> Transfer:
        """End it; what was copied so far stays. One that has ended stays as it is. Raises NotFound."""
        before = await self._operation(transfer_id, user)
        ended = await self._operations.cancel(transfer_id, user)
        if ended.state is OperationState.CANCELLED and not before.state.is_final:
            try:
                await self._engine(before).cancel(self._order(before))
            finally:
                await self._delegated.end(before.delegation)
            self._happened("transfer.cancelled", ended)
        return _transfer(ended)

    async def wait(self, transfer_id: str, user: str, timeout: float) -> Transfer:
        """The transfer once it has ended, or as it is after `timeout` seconds. Raises NotFound."""
        await self._operation(transfer_id, user)
        return _transfer(await self._operations.wait(transfer_id, timeout, user))

    def _payload(self, user: str, wish: Wish) -> dict[str, Any]:
        """The wish in its one canonical form, judged."""
        if len(wish.label) > LONGEST_LABEL or not wish.label.isprintable():
            raise Refused(f"a label has {LONGEST_LABEL} printable characters at most")
        source = spot(self._profile, wish.source_tier, wish.source_path, user)
        destination = spot(self._profile, wish.destination_tier, wish.destination_path, user)
        if source.for_rclone == destination.for_rclone:
            raise Refused("source and destination are the same place")
        return {
            "source": {"tier": source.name, "path": source.path},
            "destination": {"tier": destination.name, "path": destination.path},
            "label": wish.label,
            "verify": wish.verify,
            "engine": engine_for(source, destination),
        }

    async def _operation(self, transfer_id: str, user: str) -> Operation:
        found = await self._operations.get(transfer_id, user)
        if found.kind != KIND:
            raise NotFound(f"there is no transfer {transfer_id}")
        return found

    async def _carry(self, operation: Operation, progress: Progress) -> dict[str, Any]:
        """One attempt at a transfer."""
        order = self._order(operation)
        pace = _Pace(progress, order.reached, self._clock)
        if operation.attempts == 1:
            self._happened("transfer.active", operation)
        try:
            reached = await self._engine(operation).carry(order, pace.report)
        except (Unreachable, Busy) as error:
            await pace.store()
            if patiently(operation.attempts) is None:
                await self._failed(operation, error)
            raise
        except FacilityError as error:
            await pace.store()
            await self._failed(operation, error)
            raise
        await self._delegated.end(operation.delegation)
        result = dataclasses.asdict(reached)
        done = dataclasses.replace(operation, result=result, state=OperationState.COMPLETED, updated=self._clock.now())
        self._happened("transfer.succeeded", done)
        log.info("transfer %s of %s is done: %d bytes", operation.id, operation.owner, reached.bytes_done)
        return result

    async def _failed(self, operation: Operation, error: FacilityError) -> None:
        await self._delegated.end(operation.delegation)
        now = self._clock.now()
        ended = dataclasses.replace(operation, state=OperationState.FAILED, error=str(error), updated=now)
        self._happened("transfer.failed", ended)
        log.info("transfer %s of %s failed: %s", operation.id, operation.owner, error)

    def _order(self, operation: Operation) -> Order:
        payload = operation.payload
        source, destination = (
            spot(self._profile, payload[side]["tier"], payload[side]["path"], operation.owner)
            for side in ("source", "destination")
        )
        return Order(
            Mandate(operation.owner, delegation=operation.delegation),
            source,
            destination,
            payload["label"],
            payload["verify"],
            reached_from(operation.result),
            operation.attempts,
        )

    def _engine(self, operation: Operation) -> Engine:
        name = operation.payload["engine"]
        if name not in self._engines:
            raise Refused(f"the engine {name} is not configured here any more")
        return self._engines[name]

    def _happened(self, event: str, operation: Operation) -> None:
        data = encode(_transfer(operation))
        assert isinstance(data, dict)  # a record is one as JSON  # noqa: S101 - for the type checker
        self._tell(Happening(event, (operation.owner,), data, self._clock.now(), f"{event}:{operation.id}"))


class _Pace:
    """Keeps the newest figures, and stores them once in a while."""

    def __init__(self, progress: Progress, reached: Reached, clock: Clock) -> None:
        self._progress = progress
        self._reached = reached
        self._clock = clock
        self._stored = reached
        self._next = 0.0

    async def report(self, reached: Reached) -> None:
        """See `Report`. What an engine will find its work by is stored at once."""
        is_new = reached.engine_id != self._stored.engine_id
        self._reached = reached
        if is_new or self._clock.monotonic() >= self._next:
            await self.store()

    async def store(self) -> None:
        """Store the newest figures."""
        self._next = self._clock.monotonic() + STORED_EVERY
        if self._reached != self._stored:
            await self._progress(dataclasses.asdict(self._reached))
            self._stored = self._reached


def engine_for(source: Spot, destination: Spot) -> str:
    """What carries between these. Raises Refused where nothing reaches both."""
    sides = (source, destination)
    if all(side.tier.engine == "rclone" for side in sides):
        return "rclone"
    for side in sides:
        if not side.tier.globus:
            raise Refused(f"nothing here carries between {source.name} and {destination.name}; use a tier between them")
    return "globus"


def _transfer(operation: Operation) -> Transfer:
    """What is told of a transfer."""
    payload, reached = operation.payload, reached_from(operation.result)
    is_over = operation.state.is_final
    seconds = (operation.updated - operation.created).total_seconds()
    rate = reached.bytes_done / seconds if is_over and seconds > 0 else reached.bytes_per_second or 0.0
    return Transfer(
        id=operation.id,
        user=operation.owner,
        label=payload["label"],
        source=TransferPlace(**payload["source"]),
        destination=TransferPlace(**payload["destination"]),
        verify=payload["verify"],
        engine=payload["engine"],
        state=STATES[operation.state],
        reason=operation.error,
        bytes_transferred=reached.bytes_done,
        bytes_total=reached.bytes_total,
        files_transferred=reached.files_done,
        files_total=reached.files_total,
        files_verified=reached.verified,
        skipped=reached.skipped,
        bytes_per_second=rate,
        attempts=operation.attempts,
        requested=operation.created,
        completed=operation.updated if is_over else None,
    )
