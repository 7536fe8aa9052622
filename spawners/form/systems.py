"""The systems that one may choose from, as cards. Pure."""

from __future__ import annotations

from datetime import datetime

from facility.models import Partition
from facility.offer import Offer
from facility.profile import System
from spawners.form.cards import Card
from spawners.form.limits import usable
from spawners.form.spans import duration


def system_card(name: str, system: System, offer: Offer | None, now: datetime) -> Card:
    """One system in a few words.

    offer : what it offers, as far as is known now; None where it has not told yet.
    """
    part = offer.partitions if offer is not None else None
    if offer is None or part is None or part.as_of is None:
        why = "does not answer" if part is not None and part.problem else "has not told yet"
        return Card(name, system.title, ("what it offers is not known",), why, "later")
    facts = [_reservations(offer, now), *([] if offer.accounts else ["no account of yours"])]
    if (part.stale or part.problem) and not part.coming:
        facts.append(f"as of {duration(now - part.as_of)} ago")
        return Card(name, system.title, tuple(filter(None, facts)), "does not answer", "later")
    up = [partition for partition in part.value if partition.is_up]
    if not up:
        return Card(name, system.title, tuple(filter(None, facts)), "down", "later")
    largest = max(up, key=lambda partition: partition.nodes)
    return Card(
        name, system.title, tuple(filter(None, facts)), _free(largest), "now" if largest.idle_nodes else "later"
    )


def _free(partition: Partition) -> str:
    """Of the largest partition: nodes belong to several, so that no sum would tell how many there are."""
    return f"{partition.idle_nodes} of {partition.nodes} nodes free"


def _reservations(offer: Offer, now: datetime) -> str:
    """My reservations there, in words; empty where there are none."""
    mine = usable(offer.reservations.value, now)
    active = sum(reservation.is_active(now) for reservation in mine)
    told = [f"{active} running" if active else "", f"{len(mine) - active} to come" if len(mine) > active else ""]
    return f"reservations of yours: {', '.join(filter(None, told))}" if mine else ""
