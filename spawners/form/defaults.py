"""What stands for a choice that was left out. Pure; door and schema ask here, so that they agree."""

from __future__ import annotations

from datetime import timedelta

from facility.admission import JudgedReservation
from facility.models import Entitlement, Partition
from facility.offer import Offer
from facility.profile import System
from spawners.form.answer import Answer

YIELDS = {"reservation": {"partition", "account", "qos"}, "account": {"qos"}}
"""Choices beside which the site's word on others does not stand: a reservation has its own partition and accounts."""


def beside(site: Answer, chosen: Answer) -> Answer:
    """What was chosen, and the site's word on the rest."""
    dropped = {field for choice in chosen for field in YIELDS.get(choice, ())}
    return {**{field: value for field, value in site.items() if field not in dropped}, **chosen}


def usual_walltime(system: System, site: Answer) -> timedelta:
    """What stands for a walltime that was left out, where the other choices allow it."""
    minutes = float(site.get("walltime", system.default_walltime_minutes))
    return timedelta(minutes=min(minutes, system.max_walltime_minutes))


def default_partition(offer: Offer, system: System, reservation: JudgedReservation | None = None) -> Partition | None:
    """The reservation's partition, else the scheduler's default one, else the profile's; None where there is none."""
    here = {partition.name: partition for partition in offer.partitions.value}
    if reservation is not None and reservation.partition:
        return here.get(reservation.partition)
    marked = next((partition for partition in here.values() if partition.is_default), None)
    return marked or here.get(system.default_partition)


def entitlement_for(
    offer: Offer,
    *,
    account: str = "",
    qos: str = "",
    reservation: JudgedReservation | None = None,
    partition: Partition | None = None,
) -> Entitlement | None:
    """The association that pays: of those that fit the choices the one that has the QOS, the default one first."""
    where = {"", partition.name} if partition is not None else None
    fitting = [
        mine
        for mine in offer.entitlements.value
        if account in {"", mine.account}
        and (where is None or mine.partition in where)
        and (reservation is None or mine.account in reservation.admitted_accounts)
    ]
    with_qos = [mine for mine in fitting if not qos or qos in mine.qos]
    return max(with_qos or fitting, key=lambda mine: mine.is_default, default=None)


def default_qos(entitlement: Entitlement) -> str:
    """The association's default QOS, else the first of its names; empty where it has none."""
    return entitlement.default_qos or next(iter(sorted(entitlement.qos)), "")
