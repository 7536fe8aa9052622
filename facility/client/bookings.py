"""Verbs about reservations that one asks for: the request, the staff's word, changes and the release."""

from __future__ import annotations

from datetime import datetime, timedelta

from facility.admission import JudgedReservation
from facility.bookings import Booking, BookingWish, CalendarFeed
from facility.client.asking import Asking, about, listed, read_bytes
from facility.exchange import Question
from facility.fit import Fit
from facility.wire import decode, encode


class BookingVerbs(Asking):
    """reservations: one of them, what fits inside, and asking for one."""

    async def reservation(self, name: str, user: str = "") -> JudgedReservation:
        """One reservation, and why it does not admit `user` where it does not. Raises NotFound."""
        return decode(JudgedReservation, await self._json("GET", f"/reservations/{name}", about(user)))

    async def fit(self, name: str, nodes: int, walltime: timedelta) -> Fit:
        """Whether and until when a job of so many nodes for so long fits inside a reservation."""
        query = {"nodes": str(nodes), "walltime": str(int(walltime.total_seconds()))}
        return decode(Fit, await self._json("GET", f"/reservations/{name}/fit", query))

    async def request_reservation(self, wish: BookingWish) -> Booking:
        """Ask for a reservation; it waits for the staff's word. Raises Refused where it cannot be granted at all."""
        return decode(Booking, await self._json("POST", "/reservations/requests", body=encode(wish)))

    async def reservation_requests(self, *, all_of_them: bool = False) -> tuple[Booking, ...]:
        """One's own requests, the newest first; for operators everybody's on request."""
        query = {"all": "true"} if all_of_them else {}
        return listed(Booking, await self._json("GET", "/reservations/requests", query), "requests")

    async def reservation_request(self, request_id: str) -> Booking:
        """One request with its audit trail."""
        return decode(Booking, await self._json("GET", f"/reservations/requests/{request_id}"))

    async def approve_reservation(self, request_id: str, word: str = "") -> Booking:
        """Let it, or its owner's change, be made in Slurm; operators only."""
        return await self._decide(request_id, "approve", word)

    async def refuse_reservation(self, request_id: str, word: str = "") -> Booking:
        """Say no to it, or to its owner's change; operators only."""
        return await self._decide(request_id, "refuse", word)

    async def change_reservation(
        self, request_id: str, *, ends: datetime | None = None, nodes: int | None = None
    ) -> Booking:
        """Shrink or extend. What is given back is given at once; for more the staff has the word."""
        told = {"ends": encode(ends), "nodes": nodes}
        body = {name: value for name, value in told.items() if value is not None}
        return decode(Booking, await self._json("PATCH", f"/reservations/requests/{request_id}", body=body))

    async def release_reservation(self, request_id: str) -> Booking:
        """Withdraw a request, or end its reservation before its time."""
        return decode(Booking, await self._json("DELETE", f"/reservations/requests/{request_id}"))

    async def calendar(self) -> bytes:
        """One's reservations and requests as an iCalendar (RFC 5545)."""
        return read_bytes(await self._ask(Question("GET", "/reservations/calendar.ics")))

    async def share_calendar(self) -> CalendarFeed:
        """A private address of one's calendar, told this once; whoever knows it reads it."""
        return decode(CalendarFeed, await self._json("POST", "/reservations/calendar/feeds"))

    async def calendar_feeds(self) -> tuple[CalendarFeed, ...]:
        """One's addresses, without their secrets."""
        return listed(CalendarFeed, await self._json("GET", "/reservations/calendar/feeds"), "feeds")

    async def end_calendar_feed(self, feed_id: str) -> None:
        """Let an address open nothing any more."""
        await self._json("DELETE", f"/reservations/calendar/feeds/{feed_id}")

    async def _decide(self, request_id: str, act: str, word: str) -> Booking:
        path = f"/reservations/requests/{request_id}/{act}"
        return decode(Booking, await self._json("POST", path, body={"word": word}))
