"""Bookings as the routes use them: ask, decide, change, release; and the durable work in Slurm behind that."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from facility.bookings import Booking, BookingChange, BookingState, BookingWish
from facility.errors import FacilityError, NotFound, NotSignedIn, Refused
from facility.models import Reservation
from facility.providers.slurm import Slurm
from facility.providers.slurm.reserving import AlreadyThere
from facility.service.bookings.store import BookingStore, Update
from facility.service.bookings.wishes import check_change, is_less
from facility.service.caller import Caller, Mandate
from facility.service.clock import Clock
from facility.service.operations.service import Operation, Operations, Progress

log = logging.getLogger(__name__)

MAKE, CHANGE = "reservation.make", "reservation.change"
VERBS = frozenset({"reservation"})
DELEGATED = 47.5 * 3600  # seconds: as long as identity lets a delegation live, less what clocks differ

LOOK_SECONDS = 5.0  # that a new look at the reservations may take, before the state is told without it

WAITING = (BookingState.ASKED, BookingState.FAILED, BookingState.APPROVED)
"""From these an operator may approve: once more where the work for an earlier word was given up."""


class Delegating(Protocol):
    """What is asked of identity; see `facility.service.identity.port`."""

    async def delegate(self, caller: Caller, verbs: frozenset[str], seconds: float) -> str:
        """Leave for these verbs in the caller's name, for so long."""
        ...


class Bookings:
    """Requests for reservations, from the asking to the release."""

    def __init__(
        self,
        store: BookingStore,
        operations: Operations,
        slurm_for: Callable[[Mandate], Slurm],
        identity: Delegating,
        look_again: Callable[[], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self.store = store
        self._operations = operations
        self._slurm_for = slurm_for
        self._identity = identity
        self._look_again = look_again
        self._clock = clock
        operations.handle(MAKE, self._make, of=("reservations",))
        operations.handle(CHANGE, self._change, of=("reservations",))

    async def ask(self, caller: Caller, wish: BookingWish) -> Booking:
        """Store a request (see `wishes.check`, which must have passed it)."""
        return await asyncio.to_thread(self.store.add, caller.user, wish, self._clock.now())

    async def get(self, id_: str, owner: str) -> Booking:
        """One request of `owner` (empty: of anybody). Raises NotFound."""
        return await asyncio.to_thread(self.store.get, id_, owner, self._clock.now())

    async def find(self, owner: str) -> list[Booking]:
        """The requests of `owner` (empty: of everybody), the newest first."""
        return await asyncio.to_thread(self.store.find, owner, self._clock.now())

    async def approve(self, operator: Caller, id_: str, word: str) -> Booking:
        """Let a request be made, or the change that its owner wants; in Slurm it is the operator who does it."""
        found = await self.get(id_, "")
        if found.state is BookingState.MADE and found.change:
            approved = replace(found.change, approved=True, problem="")
            return await self._begin_change(operator, found, approved, "change approved", word)
        delegation = await self._identity.delegate(operator, VERBS, DELEGATED)
        said = Update(
            operator.user, "approved", word, BookingState.APPROVED, operator.user, word, delegation=delegation
        )
        approved_booking = await self._update(id_, WAITING, said)
        await self._work(MAKE, operator.user, {"booking": id_}, delegation)
        return approved_booking

    async def refuse(self, operator: Caller, id_: str, word: str) -> Booking:
        """Say no to a request, or to the change that its owner wants."""
        found = await self.get(id_, "")
        if found.state is BookingState.MADE and found.change:
            return await self._update(
                id_, (found.state,), Update(operator.user, "change refused", word, drop_change=True)
            )
        said = Update(operator.user, "refused", word, BookingState.REFUSED, operator.user, word)
        return await self._update(id_, (BookingState.ASKED, BookingState.FAILED), said)

    async def change(
        self, caller: Caller, id_: str, ends: datetime | None, nodes: int | None, *, is_operator: bool
    ) -> Booking:
        """Shrink or extend. Operators do it at once, its owner where that gives back; else the staff has the word."""
        found = await self.get(id_, "" if is_operator else caller.user)
        check_change(found.wish, ends, nodes, self._clock.now())
        wanted = BookingChange(caller.user, ends, nodes)
        return await self._wish_change(caller, found, wanted, is_operator, is_less(found.wish, ends, nodes))

    async def release(self, caller: Caller, id_: str, *, is_operator: bool) -> Booking:
        """End a reservation, or withdraw a request. Raises Refused while jobs run inside, in Slurm's words, later."""
        found = await self.get(id_, "" if is_operator else caller.user)
        if found.state in {BookingState.ASKED, BookingState.FAILED}:
            said = Update(caller.user, "withdrawn", "", BookingState.WITHDRAWN)
            return await self._update(id_, (found.state,), said)
        wanted = BookingChange(caller.user, release=True)
        return await self._wish_change(caller, found, wanted, is_operator, gives_back=True)

    async def _wish_change(
        self, caller: Caller, found: Booking, wanted: BookingChange, is_operator: bool, gives_back: bool
    ) -> Booking:
        if found.state is not BookingState.MADE:
            raise Refused(f"the request is {found.state}; only a reservation that is there can be changed")
        act = "release asked for" if wanted.release else "change asked for"
        if is_operator:
            return await self._begin_change(caller, found, replace(wanted, approved=True), act, _words(wanted))
        delegation = await asyncio.to_thread(self.store.delegation, found.id)
        if gives_back and delegation:
            said = Update(caller.user, act, _words(wanted), change=replace(wanted, approved=True))
            changed = await self._update(found.id, (found.state,), said)
            await self._work(CHANGE, found.decided_by, {"booking": found.id}, delegation)
            return changed
        return await self._update(found.id, (found.state,), Update(caller.user, act, _words(wanted), change=wanted))

    async def _begin_change(
        self, operator: Caller, found: Booking, wanted: BookingChange, act: str, words: str
    ) -> Booking:
        delegation = await self._identity.delegate(operator, VERBS, DELEGATED)
        said = Update(operator.user, act, words, change=wanted, decided_by=operator.user, delegation=delegation)
        changed = await self._update(found.id, (found.state,), said)
        await self._work(CHANGE, operator.user, {"booking": found.id}, delegation)
        return changed

    async def _work(self, kind: str, operator: str, payload: dict[str, Any], delegation: str) -> None:
        await self._operations.add(kind, operator, payload, delegation=delegation, key=str(uuid.uuid4()))

    async def _make(self, operation: Operation, _: Progress) -> dict[str, Any]:
        """Make the reservation. The name is the request's own, so that an earlier attempt's is found and kept."""
        found = await self.get(operation.payload["booking"], "")
        slurm = self._slurm_for(Mandate(operation.owner, delegation=operation.delegation))
        try:
            made = await self._made(slurm, found, operation.owner)
        except Refused as error:
            failed = Update(operation.owner, "failed", str(error), BookingState.FAILED, word=str(error))
            await self._settle(found, (BookingState.APPROVED,), failed)
            raise
        words = f"{made.node_count} nodes: {made.node_list}"
        await self._settle(found, (BookingState.APPROVED,), Update(operation.owner, "made", words, BookingState.MADE))
        return {"reservation": made.name, "nodes": made.node_list}

    async def _made(self, slurm: Slurm, booking: Booking, operator: str) -> Reservation:
        wish, name = booking.wish, booking.reservation
        starts = max(wish.starts, self._clock.now())  # Slurm makes none that begins in the past
        if wish.ends <= starts:
            raise Refused("the time that was asked for is over")
        wanted = Reservation(
            name, starts, wish.ends, "", node_count=wish.nodes, users=wish.users,
            accounts=(wish.account,) if wish.account else (), partition=wish.partition, features=wish.features,
        )  # fmt: skip
        try:
            await slurm.create_reservation(wanted, user=operator)
        except AlreadyThere:
            log.info("reservation %s was made by an earlier attempt", name)
        made = next((known for known in await slurm.reservations() if known.name == name), None)
        if made is None:
            raise Refused(f"Slurm made {name} and does not tell of it")
        if made.node_count < wish.nodes:  # Slurm 22.05 makes a smaller one where it has not so many
            await slurm.delete_reservation(name, user=operator)
            raise Refused(f"Slurm found only {made.node_count} of {wish.nodes} nodes for that time")
        return made

    async def _change(self, operation: Operation, _: Progress) -> dict[str, Any]:
        """Make the change that was approved. One that is there already is no error."""
        found = await self.get(operation.payload["booking"], "")
        if found.change is None or not found.change.approved or found.state is not BookingState.MADE:
            return {"changed": False}
        mandate = Mandate(operation.owner, delegation=operation.delegation)
        try:
            done = await self._changed(self._slurm_for(mandate), found, found.change, operation.owner)
        except NotSignedIn as error:  # the operator's leave has ended: the staff has the word again
            asked = replace(found.change, approved=False, problem=str(error))
            await self._settle(found, (found.state,), Update(operation.owner, "waits", str(error), change=asked))
            raise
        except Refused as error:
            problem = replace(found.change, approved=False, problem=str(error))
            await self._settle(found, (found.state,), Update(operation.owner, "failed", str(error), change=problem))
            raise
        await self._settle(found, (found.state,), done)
        return {"changed": True}

    async def _changed(self, slurm: Slurm, booking: Booking, change: BookingChange, operator: str) -> Update:
        if change.release:
            try:
                await slurm.delete_reservation(booking.reservation, user=operator)
            except NotFound:
                log.info("reservation %s is gone already", booking.reservation)
            return Update(operator, "released", "", BookingState.RELEASED, drop_change=True, delegation="")
        await slurm.update_reservation(booking.reservation, ends=change.ends, nodes=change.nodes, user=operator)
        wish = replace(booking.wish, ends=change.ends or booking.wish.ends, nodes=change.nodes or booking.wish.nodes)
        return Update(operator, "changed", _words(change), wish=wish, drop_change=True)

    async def _update(self, id_: str, since: tuple[BookingState, ...], change: Update) -> Booking:
        return await asyncio.to_thread(self.store.update, id_, since, change, self._clock.now())

    async def _settle(self, booking: Booking, since: tuple[BookingState, ...], change: Update) -> None:
        """Store how the work ended; Slurm is asked first, so that who sees the new state sees the reservation too."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._look_again()
        except (FacilityError, TimeoutError) as error:
            log.info("reservations are looked at later: %s", error)
        await self._update(booking.id, since, change)


def _words(change: BookingChange) -> str:
    said = [f"until {change.ends:%Y-%m-%d %H:%M} UTC"] if change.ends else []
    said += [f"{change.nodes} nodes"] if change.nodes else []
    return ", ".join(said)
