"""Durable operations: work that outlives the request that asked for it, and the process that began it.

An operation is stored before anything is done. Its handler runs under a lease that is renewed while it works; after
kill -9 another process, or the next start, takes it up when the lease has run out. So a handler may run again after
anything it did: it must be able to find what an earlier attempt left (`Operation.result`, a nonce, a file's checksum).
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import uuid
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from facility.errors import Busy, FacilityError, StoreFailed, Unreachable
from facility.service.clock import Clock
from facility.service.database import Database
from facility.service.operations.store import Lease, Operation, OperationState, OperationStore, new_operation, to_json
from facility.service.watched import Watched

__all__ = ["Backoff", "Handler", "Operation", "OperationState", "Operations", "Progress", "patiently", "soon"]

log = logging.getLogger(__name__)

Progress = Callable[[dict[str, Any]], Awaitable[None]]
"""Stores what was reached so far as the operation's result; stored when it returns. Raises StoreFailed."""

Handler = Callable[[Operation, Progress], Awaitable[dict[str, Any]]]
"""Carries out one operation; what it returns is the result. Unreachable, Busy and StoreFailed: it is tried again; any
other FacilityError: it failed, with the error's words. Cancelling it must leave nothing half done that a later attempt
could not find."""

Backoff = Callable[[int], float | None]
"""Seconds until the next attempt after so many; None: there is none."""

LEASE = 30.0  # seconds; renewed after a third of it
LOOK = 0.5  # seconds between two looks for what others stored, or what is due
KEPT = timedelta(days=30)  # that ended operations can be asked about
PRUNING = 3600.0  # seconds between two rounds of removing older ones
LONGEST_BACKOFF = 300.0
LONGEST_PAUSE = 4.0  # seconds between two attempts to store an outcome: our own database may be asked often
SHORTEST_BACKOFF = 20.0
DAY = 24 * 3600.0


def patiently(attempts: int) -> float | None:
    """After 2 s, 4 s, 8 s … and then every five minutes, for a day."""
    return _pause(attempts, LONGEST_BACKOFF)


def soon(attempts: int) -> float | None:
    """After 2 s, 4 s, 8 s … and then every twenty seconds, for a day: what somebody waits for at a terminal."""
    return _pause(attempts, SHORTEST_BACKOFF)


def _pause(attempts: int, longest: float) -> float | None:
    if attempts > 1.15 * DAY / longest:  # the pauses are a little shorter than wished
        return None
    wished: float = min(2.0 ** min(attempts, 9), longest)
    return wished * random.uniform(0.75, 1.0)  # noqa: S311 - spreads attempts, guards nothing


@dataclass(frozen=True)
class _Handling:
    handler: Handler
    backoff: Backoff
    at_once: int


class Operations:
    """All operations of the service. Its methods raise StoreFailed where the database cannot be used.

    `names` are the microservices of this process (none: all): what belongs to others is left to their processes, which
    may share the database and have what it takes, as identity alone has not.
    """

    def __init__(self, database: Database, clock: Clock, names: Collection[str] = ()) -> None:
        self._store = OperationStore(database)
        self._clock = clock
        self._names = frozenset(names)
        self._holder = str(uuid.uuid4())
        self._handlings: dict[str, _Handling] = {}
        self._running: dict[str, tuple[str, asyncio.Task[str]]] = {}  # id -> kind, work
        self._woken = asyncio.Event()
        self._turns = asyncio.Event()  # replaced whenever an operation of this process ended
        self.watched = Watched("operations", clock)

    def handle(
        self,
        kind: str,
        handler: Handler,
        *,
        of: Collection[str] = (),
        backoff: Backoff = patiently,
        at_once: int = 8,
    ) -> None:
        """Let `handler` carry out operations of this kind, `at_once` of them at a time in this process.

        `of` are the microservices whose operations these are: a process that serves none of them carries out none.
        """
        if of and self._names and self._names.isdisjoint(of):
            return
        self._handlings[kind] = _Handling(handler, backoff, at_once)
        self._woken.set()

    async def add(
        self, kind: str, owner: str, payload: dict[str, Any], *, delegation: str = "", key: str = "", delay: float = 0.0
    ) -> Operation:
        """Store work to be done after `delay` seconds.

        With a `key`: the same owner, kind and key again give the stored operation (`is_replay`).
        Raises KeyReused where its payload was another one.
        """
        now = self._clock.now()
        due = now + timedelta(seconds=delay)
        new = new_operation(kind, owner, payload, now, due, delegation, key)
        stored = await asyncio.to_thread(self._store.add, new)
        self._woken.set()
        return stored

    async def get(self, operation_id: str, owner: str) -> Operation:
        """One operation of `owner` (empty: of anybody). Raises NotFound."""
        return await asyncio.to_thread(self._store.get, operation_id, owner)

    async def cancel(self, operation_id: str, owner: str) -> Operation:
        """End it; one that has ended stays as it is. Raises NotFound."""
        ended = await asyncio.to_thread(self._store.cancel, operation_id, owner, self._clock.now())
        if ended.state is OperationState.CANCELLED and operation_id in self._running:
            self._running[operation_id][1].cancel()
        self._turn()
        return ended

    async def wait(self, operation_id: str, timeout: float, owner: str = "") -> Operation:
        """The operation once it has ended, or as it is after `timeout` seconds. Raises NotFound."""
        end = self._clock.monotonic() + timeout
        while True:
            turns = self._turns
            found = await self.get(operation_id, owner)
            left = end - self._clock.monotonic()
            if found.state.is_final or left <= 0:
                return found
            await _wait_for(turns, min(left, LOOK))

    async def run(self) -> None:
        """Carry out what there are handlers for, for ever. Cancelling it gives back what was begun."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._prune())
            while True:
                self._woken.clear()
                try:
                    async with self.watched.use():
                        await self._begin_due(tasks)
                except StoreFailed as error:
                    log.warning("operations wait: %s", error)
                except Exception as error:  # noqa: BLE001 - the outermost loop: a mistake must not end the work
                    self.watched.failed(error)
                await _wait_for(self._woken, LOOK)

    async def list(
        self, owner: str, kinds: Collection[str] = (), states: Collection[OperationState] = ()
    ) -> tuple[Operation, ...]:
        """The newest thousand of `owner` (empty: of everybody), the newest first."""
        return await asyncio.to_thread(self._store.find, owner, kinds, states)

    async def counts(self) -> dict[tuple[str, str], int]:
        """How many are kept, by kind and state."""
        return await asyncio.to_thread(self._store.counts)

    async def _begin_due(self, tasks: asyncio.TaskGroup) -> None:
        free = {kind: handling.at_once for kind, handling in self._handlings.items()}
        for kind, _ in self._running.values():
            free[kind] -= 1
        open_kinds = [kind for kind, count in free.items() if count > 0]
        if not open_kinds or not await asyncio.to_thread(self._store.due, open_kinds, self._clock.now()):
            return
        for kind in open_kinds:
            claim = (kind, free[kind], self._lease(), tuple(self._running))
            for operation in await asyncio.to_thread(self._store.claim, *claim):
                work = asyncio.create_task(self._attempt(operation), name=f"{kind} {operation.id}")
                self._running[operation.id] = (kind, work)
                following = tasks.create_task(self._follow(operation, work))
                following.add_done_callback(partial(_end, work))  # the service may end before the following begins

    async def _attempt(self, operation: Operation) -> str:
        """The handler's result as JSON."""
        if operation.state is OperationState.FAILED:
            raise StoreDamagedError(operation.error)

        async def progress(reached: dict[str, Any]) -> None:
            await self._change(operation, {"result": to_json(reached)})

        return to_json(await self._handlings[operation.kind].handler(operation, progress))

    async def _follow(self, operation: Operation, work: asyncio.Task[str]) -> None:
        """Hold the lease while the handler works, then store how it went."""
        keeper = asyncio.create_task(self._keep(operation, work))
        try:
            await asyncio.wait({work})
            await self._store_outcome(operation, work)
        except asyncio.CancelledError:  # the service ends: whoever comes next may go on at once
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await self._give_back(operation, work)
            raise
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            del self._running[operation.id]
            self._woken.set()
            self._turn()

    async def _keep(self, operation: Operation, work: asyncio.Task[str]) -> None:
        """Renew the lease; a handler that lost it is ended, because somebody else may have begun."""
        while True:
            await self._clock.sleep(LEASE / 3)
            lease = self._lease()
            try:
                held = await asyncio.to_thread(
                    self._store.change_held, operation.id, lease, {"lease_until": lease.until}
                )
            except StoreFailed as error:
                log.warning("the lease of operation %s could not be renewed: %s", operation.id, error)
                continue  # nobody else can take it from a database that cannot be written
            if not held:
                work.cancel()
                return

    async def _store_outcome(self, operation: Operation, work: asyncio.Task[str]) -> None:
        """Write how it ended; while that is not possible it is tried again, so that no result is lost."""
        if work.cancelled():
            return  # it was cancelled, or it is somebody else's now
        values = self._outcome(operation, work)
        pause = LOOK
        while True:
            try:
                await self._change(operation, values)
            except StoreFailed as error:
                log.warning("the outcome of operation %s waits to be stored: %s", operation.id, error)
                await self._clock.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return

    def _outcome(self, operation: Operation, work: asyncio.Task[str]) -> dict[str, object]:
        ended: dict[str, object] = {"leased_by": "", "lease_until": None, "delegation": ""}
        error = work.exception()
        if error is None:
            return {**ended, "state": "completed", "result": work.result(), "error": ""}
        if isinstance(error, Unreachable | Busy | StoreFailed):
            pause = self._handlings[operation.kind].backoff(operation.attempts)
            if pause is not None:
                pause = max(pause, error.retry_after) if isinstance(error, Busy) else pause
                next_at = self._clock.now() + timedelta(seconds=pause)
                return {"leased_by": "", "lease_until": None, "state": "new", "error": str(error), "next_at": next_at}
        words = str(error)
        if not isinstance(error, FacilityError):
            reference = secrets.token_hex(4)
            log.error("mistake %s in operation %s (%s)", reference, operation.id, operation.kind, exc_info=error)
            words = f"the facility service made a mistake (reference {reference}); tell the operators"
        return {**ended, "state": "failed", "error": words}

    async def _give_back(self, operation: Operation, work: asyncio.Task[str]) -> None:
        """Store the outcome of work that was just done, else let it begin anew."""
        done = not work.cancelled() and work.exception() is None
        anew: dict[str, object] = {"leased_by": "", "lease_until": None, "state": "new", "next_at": self._clock.now()}
        try:
            await self._change(operation, self._outcome(operation, work) if done else anew)
        except StoreFailed as error:
            log.warning("operation %s is taken up after its lease only: %s", operation.id, error)

    async def _change(self, operation: Operation, values: dict[str, object]) -> None:
        """Change an operation that this process runs. Where it is held no more, nothing is changed."""
        await asyncio.to_thread(self._store.change_held, operation.id, self._lease(), values)

    async def _prune(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._store.prune, self._clock.now() - KEPT)
            except StoreFailed as error:
                log.debug("old operations are kept for now: %s", error)
            await self._clock.sleep(PRUNING)

    def _lease(self) -> Lease:
        return Lease(self._holder, self._clock.now(), LEASE)

    def _turn(self) -> None:
        """Wake those that wait for an end."""
        self._turns.set()
        self._turns = asyncio.Event()


class StoreDamagedError(FacilityError):
    """An operation's record is damaged; it cannot be carried out."""


async def _wait_for(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _end(work: asyncio.Task[str], _following: asyncio.Task[None]) -> None:
    """Nobody follows this work any more; one that is done stays as it is."""
    work.cancel()
