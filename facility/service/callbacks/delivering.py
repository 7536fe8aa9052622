"""Carrying deliveries out: claim, send, note; again and again with growing pauses, and dead after the last."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from datetime import timedelta
from typing import Protocol

from facility.callbacks import Delivery, SubscriptionState
from facility.errors import StoreFailed
from facility.service.callbacks import signing
from facility.service.callbacks.delivery_store import DeliveryStore
from facility.service.callbacks.sending import AT_ONCE, Outcome
from facility.service.callbacks.subscription_store import SubscriptionStore
from facility.service.callbacks.wishes import MAIL
from facility.service.clock import Clock
from facility.service.watched import Watched

log = logging.getLogger(__name__)

PAUSES = (5.0, 60.0, 600.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 24 * 3600.0)
"""Seconds after the first, second, … attempt that failed; after the last of them one more attempt is made."""

JITTER = 0.2
AT_ONCE_PER_OWNER = 4
LOOK = 2.0  # seconds between two looks for what another process stored, or what is due again
PRUNING = 3600.0


class Send(Protocol):
    """Hands one body over; never raises for what the other side does."""

    async def send(self, url: str, headers: dict[str, str], body: str) -> Outcome:
        """See `facility.service.callbacks.sending.Sender`."""
        ...


class Delivering:
    """The worker of the delivery table. A receiver that is slow or dead holds up nobody but its owner's own."""

    def __init__(
        self, subscriptions: SubscriptionStore, deliveries: DeliveryStore, http: Send, mail: Send, clock: Clock
    ) -> None:
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._http = http
        self._mail = mail
        self._clock = clock
        self._under_way: Counter[str] = Counter()  # deliveries by owner
        self._woken = asyncio.Event()
        self.watched = Watched("callbacks", clock)

    def wake(self) -> None:
        """Something new is to be sent."""
        self._woken.set()

    async def run(self) -> None:
        """Send for ever. Cancelling leaves what was claimed to be sent again when its lease has run out."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._prune())
            while True:
                self._woken.clear()
                try:
                    async with self.watched.use():
                        await self._begin_due(tasks)
                except StoreFailed as error:
                    log.warning("callbacks wait: %s", error)
                except Exception as error:  # noqa: BLE001 - the outermost loop: a mistake must not end the sending
                    self.watched.failed(error)
                await self._wait()

    async def _begin_due(self, tasks: asyncio.TaskGroup) -> None:
        while self._under_way.total() < AT_ONCE:
            full = [owner for owner, count in self._under_way.items() if count >= AT_ONCE_PER_OWNER]
            claimed = await asyncio.to_thread(self._deliveries.claim, self._clock.now(), full)
            if claimed is None:
                return
            self._under_way[claimed[0].owner] += 1
            tasks.create_task(self._deliver(*claimed))

    async def _deliver(self, delivery: Delivery, url: str) -> None:
        try:
            await self._attempt(delivery, url)
        except StoreFailed as error:
            log.warning("how delivery %s went could not be noted, it will be sent again: %s", delivery.id, error)
        except Exception as error:  # noqa: BLE001 - one delivery's mistake must not end the others
            self.watched.failed(error)
        finally:
            self._under_way[delivery.owner] -= 1
            self._under_way += Counter()  # drops owners who have none
            self._woken.set()

    async def _attempt(self, delivery: Delivery, url: str) -> None:
        secrets = await asyncio.to_thread(self._subscriptions.secrets, delivery.callback, self._clock.now())
        if not secrets:
            outcome, next_at = Outcome(0, "the subscription hears no more"), None
        else:
            headers = signing.headers(secrets, delivery.id, self._clock.now(), delivery.body)
            way = self._mail if url.startswith(MAIL) else self._http
            outcome = await way.send(url, headers, delivery.body)
            pause = pause_after(delivery.attempts)
            next_at = None if pause is None or outcome.is_unsubscribed else self._clock.now() + timedelta(seconds=pause)
        await asyncio.to_thread(self._deliveries.close, delivery, outcome, self._clock.now(), next_at)
        if outcome.is_unsubscribed:
            await asyncio.to_thread(self._unsubscribe, delivery)

    def _unsubscribe(self, delivery: Delivery) -> None:
        self._subscriptions.end(delivery.callback, SubscriptionState.UNSUBSCRIBED)
        self._deliveries.give_up(delivery.callback, "the receiver unsubscribed (410 Gone)", self._clock.now())

    async def _prune(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._deliveries.prune, self._clock.now())
                await asyncio.to_thread(self._subscriptions.prune, self._clock.now())
            except StoreFailed as error:
                log.warning("old callbacks stay: %s", error)
            await self._clock.sleep(PRUNING)

    async def _wait(self) -> None:
        """Until something wakes us, or for LOOK seconds."""
        waits = [asyncio.ensure_future(self._woken.wait()), asyncio.ensure_future(self._clock.sleep(LOOK))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def pause_after(attempts: int) -> float | None:
    """Seconds after so many attempts that failed, spread so that a receiver is not met by all; None: give up."""
    if attempts > len(PAUSES):
        return None
    return PAUSES[attempts - 1] * random.uniform(1.0, 1.0 + JITTER)  # noqa: S311 - spreads attempts, guards nothing
