"""Judging what somebody asks for, before anybody is bothered with it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from facility.bookings import BookingWish
from facility.errors import OptionError
from facility.models import Partition
from facility.providers.slurm.reserving import NAME
from facility.service.accounts.people import NAME as USER

LONGEST = timedelta(days=30)
FARTHEST = timedelta(days=400)
LATE = timedelta(minutes=5)
"""How far in the past a start may lie: a clock may differ, and a person types."""


def check(
    wish: BookingWish, accounts: Collection[str], partitions: Collection[Partition], now: datetime
) -> BookingWish:
    """The wish, with its people named. Raises OptionError naming the field that is wrong.

    `accounts` are those the asker may charge.
    """
    _check_time(wish.starts, wish.ends, now)
    if not wish.account and not wish.users:
        raise OptionError("users", "name an account, or the users who may run inside")
    if wish.account and wish.account not in accounts:
        raise OptionError("account", f"you may not charge {wish.account[:64]}; choose one of {', '.join(accounts)}")
    if wrong := [user for user in wish.users if not USER.fullmatch(user)]:
        raise OptionError("users", f"{wrong[0][:64]!r} is no user name")
    if wish.features and not all(NAME.fullmatch(name) for name in wish.features.split("&")):
        raise OptionError("features", "name features, with & between several")
    _check_nodes(wish, {partition.name: partition for partition in partitions})
    if not wish.purpose.strip() or not wish.purpose.isprintable():
        raise OptionError("purpose", "say in one line what it is for; the staff decides by it")
    return wish


def is_less(wish: BookingWish, ends: datetime | None, nodes: int | None) -> bool:
    """Whether a change gives something back and takes nothing: its owner may make it alone."""
    return (ends is None or ends <= wish.ends) and (nodes is None or nodes <= wish.nodes)


def check_change(wish: BookingWish, ends: datetime | None, nodes: int | None, now: datetime) -> None:
    """Raises OptionError where a change is none, or cannot be."""
    if ends is None and nodes is None:
        raise OptionError("ends", "give another end, another number of nodes, or both")
    if ends is not None and not max(now, wish.starts) < ends <= wish.starts + LONGEST:
        raise OptionError("ends", f"must be later than now and the start, and at most {LONGEST.days} days after it")
    if nodes is not None and nodes < 1:
        raise OptionError("nodes", "must be 1 at least; release the reservation to give all of them back")


def _check_time(starts: datetime, ends: datetime, now: datetime) -> None:
    if starts.tzinfo is None or ends.tzinfo is None:
        raise OptionError("starts", "give times with their zone, e.g. 2026-05-01T18:00:00Z")
    if not now - LATE <= starts <= now + FARTHEST:
        raise OptionError("starts", "must be in the future, and at most 400 days ahead")
    if not timedelta(minutes=1) <= ends - starts <= LONGEST:
        raise OptionError("ends", f"must be a minute after the start at least, and at most {LONGEST.days} days")


def _check_nodes(wish: BookingWish, partitions: dict[str, Partition]) -> None:
    if wish.partition and wish.partition not in partitions:
        raise OptionError(
            "partition", f"there is no partition {wish.partition[:64]!r}; choose of {', '.join(partitions)}"
        )
    default = next((partition for partition in partitions.values() if partition.is_default), None)
    partition = partitions.get(wish.partition) or default
    if partition and not 1 <= wish.nodes <= partition.nodes:
        raise OptionError("nodes", f"partition {partition.name} has {partition.nodes} nodes; ask for 1 at least")
