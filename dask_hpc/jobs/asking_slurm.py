"""What Slurm offers the user of this process, by Slurm's own commands."""

from __future__ import annotations

import asyncio
import grp
import os
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import TypeVar

from facility.admission import JudgedReservation, judge
from facility.errors import FacilityError
from facility.models import Entitlement, Partition, Reservation
from facility.offer import Offer, Part
from facility.providers.slurm import Slurm

T = TypeVar("T")


async def offer_of(slurm: Slurm, user: str) -> Offer:
    """What `user`, who must be the one of this process, may use; a part that Slurm does not tell is empty and says why.

    All questions are put at once: whoever asks has a person waiting.
    """
    entitlements, qos, partitions, reservations = await asyncio.gather(
        _part(slurm.entitlements(user)),
        _part(slurm.qos()),
        _part(slurm.partitions()),
        _part(slurm.reservations()),
    )
    judged = _judged(reservations.value, user, entitlements.value, partitions.value)
    return Offer(
        user=user,
        entitlements=entitlements,
        qos=qos,
        partitions=partitions,
        reservations=reservations.carrying(tuple(one for one in judged if one.admits)),
        images=Part((), None),
        near=tuple(one for one in judged if not one.admits),
    )


async def _part(asked: Awaitable[tuple[T, ...]]) -> Part[tuple[T, ...]]:
    try:
        return Part(await asked, datetime.now(UTC))
    except FacilityError as error:
        return Part((), None, problem=str(error))


def _judged(
    known: tuple[Reservation, ...],
    user: str,
    entitlements: tuple[Entitlement, ...],
    partitions: tuple[Partition, ...],
) -> tuple[JudgedReservation, ...]:
    groups, now = _groups(), datetime.now(UTC)
    down = [one.name for one in partitions if not one.is_up]
    return tuple(judge(one, user, entitlements, groups, now, down) for one in known)


def _groups() -> frozenset[str]:
    """The Unix groups of this process by name; one that has none counts for nothing."""
    found = set()
    for number in {*os.getgroups(), os.getegid()}:
        try:
            found.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return frozenset(found)
