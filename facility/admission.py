"""May this person use that reservation, and if not, why? The rules of scontrol(1), Users, Groups and Accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from facility.models import Entitlement, Reservation

CLOSED = frozenset({"MAINT"})
"""Flags of reservations that are for work on the machine, not on science."""


@dataclass(frozen=True)
class JudgedReservation(Reservation):
    """A reservation seen by one person."""

    admits: bool = False
    why_not: str = ""  # in words; empty when it admits
    admitted_accounts: tuple[str, ...] = ()  # those of the person's accounts that may be charged inside
    starts_in: timedelta = timedelta(0)  # until jobs may run inside; zero where they may
    ends_in: timedelta = timedelta(0)  # until the end
    free_nodes: int | None = None  # of its nodes, those on which nothing runs; None where that is not known


def judge(
    reservation: Reservation,
    user: str,
    entitlements: Iterable[Entitlement],
    groups: Collection[str],
    now: datetime,
    partitions_down: Collection[str] = (),
) -> JudgedReservation:
    """The reservation with what it means for `user`, who is in these Unix groups and may charge these accounts."""
    own = tuple(dict.fromkeys(e.account for e in entitlements if _partition_fits(reservation, e)))
    admitted = tuple(account for account in own if _lists(reservation.accounts, account))
    why_not = _why_not(reservation, user, groups, now) or ("" if admitted else _why_no_account(reservation, own))
    if not why_not and reservation.partition in partitions_down:
        why_not = f"Partition {reservation.partition} of {reservation.name} is down."
    known = {field.name: getattr(reservation, field.name) for field in fields(Reservation)}
    return JudgedReservation(
        **known,
        admits=not why_not,
        why_not=why_not,
        admitted_accounts=() if why_not else admitted,
        starts_in=max(reservation.starts - now, timedelta(0)),
        ends_in=reservation.remaining(now),
    )


def names(reservation: Reservation, user: str, entitlements: Iterable[Entitlement], groups: Collection[str]) -> bool:
    """Whether it lists this person, an account or a group of theirs: then why it does not admit is worth telling."""
    accounts = {entitlement.account for entitlement in entitlements}
    return user in reservation.users or bool(
        accounts & set(reservation.accounts) or set(groups) & set(reservation.groups)
    )


def _why_not(reservation: Reservation, user: str, groups: Collection[str], now: datetime) -> str:
    """The first rule about the person or the time that excludes; a job must meet all of them."""
    if reservation.ends <= now:
        return f"{reservation.name} has ended."
    if CLOSED & set(reservation.flags):
        return f"{reservation.name} is for maintenance."
    if not _lists(reservation.users, user):
        return f"{reservation.name} is for other users."
    if reservation.groups and not set(reservation.groups) & set(groups):
        return f"{reservation.name} is for members of {', '.join(reservation.groups)}."
    return ""


def _why_no_account(reservation: Reservation, own: tuple[str, ...]) -> str:
    if not own:
        return f"You may charge no account in partition {reservation.partition or 'of this reservation'}."
    if any(account.startswith("-") for account in reservation.accounts):
        return f"{reservation.name} excludes your accounts ({', '.join(own)})."
    return f"{reservation.name} is for other accounts ({', '.join(reservation.accounts)})."


def _lists(rule: tuple[str, ...], name: str) -> bool:
    """Whether a list admits `name`: empty admits all; where names begin with "-", all but those are admitted."""
    if not rule:
        return True
    denied = {entry.removeprefix("-") for entry in rule if entry.startswith("-")}
    return name not in denied if denied else name in rule


def _partition_fits(reservation: Reservation, entitlement: Entitlement) -> bool:
    return not (reservation.partition and entitlement.partition) or reservation.partition == entitlement.partition
