"""The rules of an answer's schema: if these fields are so, then those are limited. Pure.

A field that was left out counts as what the door will take for it, so that a page can say early what will be refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from facility.admission import JudgedReservation
from facility.models import Partition, Qos
from facility.offer import Offer
from facility.profile import System
from spawners.form.defaults import default_partition, default_qos, entitlement_for
from spawners.form.limits import MINUTE, Schema, at_most, listed, node_words, sizes, time_inside, too_small, usable
from spawners.form.spans import hours


def rules(offer: Offer, system: System, now: datetime) -> list[Schema]:
    """Everything that one choice means for another."""
    return [
        *_reservation_rules(offer, now),
        *_partition_rules(offer, system),
        *_account_rules(offer),
        *_qos_rules(offer, system, now),
    ]


def _when(
    so: Mapping[str, Iterable[str] | None], then: Mapping[str, Schema], required: Mapping[str, str] = {}
) -> Schema:
    """If each field of `so` is one of its names (None: was left out), then `then`; `required` with sentences."""
    given = {field: list(names) for field, names in so.items() if names is not None}
    condition: Schema = {
        "properties": {field: {"enum": given[field]} if field in given else False for field in so},
        "required": sorted(given),
    }
    consequence: Schema = {"properties": dict(then)}
    if required:
        consequence |= {"required": sorted(required), "errorMessage": {"required": dict(required)}}
    return {"if": condition, "then": consequence}


def _only(names: Iterable[str], sentence: str) -> Schema:
    return {"enum": list(names), "errorMessage": {"enum": sentence}}


def _nodes(limit: int, whose: str) -> Schema:
    return at_most(limit, f"{whose} {node_words(limit)}; ask for {limit} or fewer")


def _time(limit: timedelta, whose: str) -> Schema:
    return at_most(limit / MINUTE, f"{whose} {hours(limit)}; ask for that or less")


def _reservation_rules(offer: Offer, now: datetime) -> Iterable[Schema]:
    for r in usable(offer.reservations.value, now):
        verb = "ends in" if r.starts <= now else "lasts"
        admitted = listed(r.admitted_accounts)
        qos = [name for account in r.admitted_accounts for name in offer.qos_of(account)]
        limits = {
            "account": _only(r.admitted_accounts, f"{r.name} does not take ${{0}}, only {admitted}"),
            "qos": _only(qos, f"${{0}} is no QOS of an account that {r.name} takes ({admitted})"),
            "walltime": _time(time_inside(r, now), f"{r.name} {verb}"),
        }
        if r.partition:
            limits["partition"] = _only([r.partition], f"{r.name} lies in {r.partition}; choose {r.partition}")
        if r.node_count:
            limits["nodes"] = _nodes(r.node_count, f"{r.name} has")
            yield _too_small_for(r, r.node_count + 1)
        yield _when({"reservation": [r.name]}, limits)


def _too_small_for(reservation: JudgedReservation, nodes: int) -> Schema:
    """Who asks for so many nodes, or more, cannot choose this reservation; its card says so before anybody does."""
    refused = {"not": {"const": reservation.name}, "errorMessage": {"not": too_small(reservation, nodes)}}
    asked = {"properties": {"nodes": {"type": "integer", "minimum": nodes}}, "required": ["nodes"]}
    return {"if": asked, "then": {"properties": {"reservation": refused}}}


def _partition_rules(offer: Offer, system: System) -> Iterable[Schema]:
    """Each partition's limits: where it is chosen, where a reservation lies in it, where it is the default one."""
    here = {p.name: p for p in offer.partitions.value}
    for p in here.values():
        yield _when({"partition": [p.name]}, _partition_limits(p))
    inside: dict[str, list[str]] = {}
    for r in offer.reservations.value:
        inside.setdefault(r.partition, []).append(r.name)
    fallback = default_partition(offer, system)
    if fallback is not None:
        yield from _left_to(fallback, {"reservation": None})
        inside.setdefault(fallback.name, []).extend(inside.pop("", []))
    for name, reservations in inside.items():
        if name in here:
            yield from _left_to(here[name], {"reservation": reservations})


def _left_to(partition: Partition, so: Mapping[str, Iterable[str] | None]) -> Iterable[Schema]:
    """The limits where no partition was chosen and `partition` will be taken."""
    closed = f"{partition.name} takes no jobs at the moment; choose another"
    required = {} if partition.is_up else {"partition": closed}
    yield _when({"partition": None, **so}, _partition_limits(partition), required)


def _partition_limits(partition: Partition) -> dict[str, Schema]:
    most, whose = sizes(partition), f"partition {partition.name}"
    limits = {
        "nodes": _nodes(most["nodes"], f"{whose} has"),
        "cpus_per_node": at_most(most["cpus_per_node"], f"{whose} has {most['cpus_per_node']} per node"),
        "memory_gb": at_most(most["memory_gb"], f"{whose} has {most['memory_gb']} GB per node"),
        "gpus_per_node": at_most(most["gpus_per_node"], f"{whose} has {most['gpus_per_node']} per node"),
    }
    if partition.max_walltime is not None:
        limits["walltime"] = _time(partition.max_walltime, f"{whose} allows")
    return limits


def _account_rules(offer: Offer) -> Iterable[Schema]:
    """An account's QOS, and the partitions to which an association may be bound."""
    for account in offer.accounts:
        theirs = sorted(offer.qos_of(account))
        sentence = f"${{0}} is no QOS of account {account}; it has {listed(theirs)}"
        yield _when({"account": [account]}, {"qos": _only(theirs, sentence)})
        bound = [e for e in offer.entitlements.value if e.account == account and e.partition]
        if bound and not any(e.account == account and not e.partition for e in offer.entitlements.value):
            only = [e.partition for e in bound]
            sentence = f"{account} may not be charged in ${{0}}, only in {listed(only)}"
            yield _when({"account": [account]}, {"partition": _only(only, sentence)})
        for e in bound:
            here = {*e.qos, *(q for o in offer.entitlements.value if o.account == account and not o.partition
                              for q in o.qos)}  # fmt: skip
            sentence = f"${{0}} is no QOS of account {account} in {e.partition}; it has {listed(sorted(here))}"
            yield _when({"account": [account], "partition": [e.partition]}, {"qos": _only(sorted(here), sentence)})


def _qos_rules(offer: Offer, system: System, now: datetime) -> Iterable[Schema]:
    """Each QOS' limits: where it is chosen, and where it is the default of what was chosen."""
    limits = {qos.name: found for qos in offer.qos.value if (found := _qos_limits(qos))}
    for name, found in limits.items():
        yield _when({"qos": [name]}, found)
    cases: list[tuple[dict[str, list[str] | None], JudgedReservation | None, str]] = [
        ({"account": [account]}, None, account) for account in offer.accounts
    ]
    cases.append(({"account": None, "reservation": None}, None, ""))
    cases += [({"account": None, "reservation": [r.name]}, r, "") for r in usable(offer.reservations.value, now)]
    partition = default_partition(offer, system)
    for so, reservation, account in cases:
        paying = entitlement_for(offer, account=account, reservation=reservation, partition=partition)
        if paying is not None and default_qos(paying) in limits:
            yield _when({**so, "qos": None}, limits[default_qos(paying)])


def _qos_limits(qos: Qos) -> dict[str, Schema]:
    limits = {}
    if qos.max_walltime is not None:
        limits["walltime"] = _time(qos.max_walltime, f"QOS {qos.name} allows")
    if qos.max_nodes is not None:
        limits["nodes"] = _nodes(qos.max_nodes, f"QOS {qos.name} allows")
    return limits
