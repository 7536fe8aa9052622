"""Verbs about being called back when something happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from facility.callbacks import Delivery, DeliveryState, Subscription
from facility.client.asking import Asking, listed
from facility.sse import Event
from facility.wire import decode


class CallbackVerbs(Asking):
    """callbacks: who is told of what, and how telling it went; and events: the same for those who listen."""

    @asynccontextmanager
    async def happenings(self, topics: Sequence[str] = (), last_id: str = "") -> AsyncIterator[AsyncIterator[Event]]:
        """The stream of what happens that concerns one (none: every topic), from `last_id` on where it is known."""
        query = {"topics": ",".join(topics)} if topics else {}
        async with self._events("/events", query, last_id) as events:
            yield events

    async def subscribe(
        self,
        url: str = "",
        events: Sequence[str] = (),
        *,
        email: str = "",
        filter_: Mapping[str, str] | None = None,
        job_id: str = "",
    ) -> Subscription:
        """Be told of `events` (none: of how jobs end) at an address. The answer holds the signing secret, this once.

        With `job_id` only of that job, and it ends with it.
        """
        told = {"url": url, "email": email, "events": list(events), "filter": dict(filter_ or {}), "job_id": job_id}
        body = {name: value for name, value in told.items() if value}
        return decode(Subscription, await self._json("POST", "/callbacks", body=body))

    async def subscriptions(self) -> tuple[Subscription, ...]:
        """One's own, the oldest first."""
        return listed(Subscription, await self._json("GET", "/callbacks"), "callbacks")

    async def subscription(self, callback_id: str) -> Subscription:
        """One of them. Raises NotFound."""
        return decode(Subscription, await self._json("GET", f"/callbacks/{callback_id}"))

    async def unsubscribe(self, callback_id: str) -> None:
        """Forget a subscription, with everything that waits for it."""
        await self._json("DELETE", f"/callbacks/{callback_id}")

    async def replace_secret(self, callback_id: str) -> Subscription:
        """A new signing secret, told this once; for a day the old one signs too."""
        return decode(Subscription, await self._json("POST", f"/callbacks/{callback_id}/secret"))

    async def ping(self, callback_id: str) -> Delivery:
        """Send a test event."""
        return decode(Delivery, await self._json("POST", f"/callbacks/{callback_id}/ping"))

    async def deliveries(self, callback_id: str, state: DeliveryState | None = None) -> tuple[Delivery, ...]:
        """What was told to it, or is to be, the newest first; DeliveryState.DEAD are those that were given up."""
        query = {"state": str(state)} if state else {}
        return listed(Delivery, await self._json("GET", f"/callbacks/{callback_id}/deliveries", query), "deliveries")

    async def delivery(self, callback_id: str, delivery_id: str) -> Delivery:
        """One of them, with what is told and every attempt."""
        return decode(Delivery, await self._json("GET", f"/callbacks/{callback_id}/deliveries/{delivery_id}"))

    async def send_again(self, callback_id: str, delivery_id: str) -> Delivery:
        """Let one that was given up begin anew, under the same id."""
        path = f"/callbacks/{callback_id}/deliveries/{delivery_id}/resend"
        return decode(Delivery, await self._json("POST", path))
