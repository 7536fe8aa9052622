"""Reservations as a calendar that other programs subscribe to (RFC 5545). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from icalendar import Alarm, Calendar, Event

from facility.bookings import Booking, BookingState
from facility.models import Reservation

WARNED = timedelta(minutes=15)
"""How long before its start a reservation is announced by whoever shows the calendar."""

REFRESH = timedelta(minutes=15)


def calendar(
    title: str, host: str, reservations: Iterable[Reservation], asked: Iterable[Booking], now: datetime
) -> bytes:
    """The reservations as events, and requests that wait for the staff's word as tentative ones.

    `host` makes the events' ids unique in the world.
    """
    made = Calendar()
    made.add("prodid", "-//beamside//reservations//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", title)
    made.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})  # RFC 7986, section 5.7
    for reservation in reservations:
        made.add_component(_of_reservation(reservation, host, now))
    for booking in asked:
        if booking.state is BookingState.ASKED:
            made.add_component(_of_request(booking, host, now))
    return bytes(made.to_ical())


def _of_reservation(reservation: Reservation, host: str, now: datetime) -> Event:
    event = _event(reservation.name, host, reservation.starts, reservation.ends, now)
    event.add("summary", f"{reservation.name}: {_nodes(reservation.node_count)}")
    event.add("location", reservation.node_list)
    for_whom = [("accounts", reservation.accounts), ("users", reservation.users), ("groups", reservation.groups)]
    event.add("description", "\n".join(f"{what}: {', '.join(names)}" for what, names in for_whom if names))
    event.add("status", "CONFIRMED")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", f"{reservation.name} begins")
    alarm.add("trigger", -WARNED)
    event.add_component(alarm)
    return event


def _of_request(booking: Booking, host: str, now: datetime) -> Event:
    wish = booking.wish
    event = _event(booking.reservation, host, wish.starts, wish.ends, now)
    event.add("summary", f"{booking.reservation}: {_nodes(wish.nodes)} asked for")
    event.add("description", wish.purpose)
    event.add("status", "TENTATIVE")
    return event


def _event(name: str, host: str, starts: datetime, ends: datetime, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{name}@{host}")
    event.add("dtstamp", now)
    event.add("dtstart", starts)
    event.add("dtend", ends)
    return event


def _nodes(count: int) -> str:
    return f"{count} node" if count == 1 else f"{count} nodes"
