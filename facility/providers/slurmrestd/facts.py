"""What may be used, in slurmrestd's answers: reservations, partitions, QOS and associations."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from facility.errors import Unreadable
from facility.models import Entitlement, Partition, Qos, Reservation
from facility.providers.slurmrestd.shapes import Found, figure, inner, minutes, moment, nodes_of, number, text, words

GPUS = re.compile(r"(?:^|,)gpu(?::[A-Za-z][^:,(]*)?:(\d+)")
FREE = "IDLE"
NOT_FREE = frozenset({"DRAIN", "DOWN", "NOT_RESPONDING", "FAIL", "MAINTENANCE", "POWERED_DOWN", "REBOOT_ISSUED"})


def reservation(row: Found, now: datetime) -> Reservation:
    """A reservation; whether it is active follows from its times, which is how slurmctld tells it."""
    starts, ends, name = moment(row.get("start_time")), moment(row.get("end_time")), text(row.get("name"))
    if starts is None or ends is None or not name:
        raise Unreadable("slurmrestd told of a reservation without name or times", str(row))
    return Reservation(
        name=name,
        starts=starts,
        ends=ends,
        state="ACTIVE" if starts <= now < ends else "INACTIVE",
        node_list=text(row.get("node_list")),
        node_count=number(row.get("node_count")) or 0,
        users=words(row.get("users")),
        accounts=words(row.get("accounts")),
        groups=words(row.get("groups")),
        partition=text(row.get("partition")),
        features=text(row.get("features")),
        flags=words(row.get("flags")),
    )


def partition(row: Found, nodes: Iterable[Found]) -> Partition:
    """A partition with what its nodes are and how many of them are idle."""
    name = text(row.get("name"))
    own = [node for node in nodes if name in words(node.get("partitions"))]
    states = words(row.get("state")) + words(inner(row, "partition", "state"))
    if not name or not states:
        raise Unreadable("slurmrestd told of a partition without name or state", str(row))
    limit = row.get("max_time_limit") if "max_time_limit" in row else inner(row, "maximums", "time")
    gpus = [sum(int(count) for count in GPUS.findall(text(node.get("gres")))) for node in own]
    return Partition(
        name=name,
        is_up="UP" in states,
        is_default="default" in words(row.get("flags")),
        max_walltime=minutes(limit),
        nodes=len(own),
        idle_nodes=sum(_is_idle(node) for node in own),
        cpus_per_node=max((number(node.get("cpus")) or 0 for node in own), default=0),
        memory_mb_per_node=max((number(node.get("real_memory")) or 0 for node in own), default=0),
        gpus_per_node=max(gpus, default=0),
        features=tuple(dict.fromkeys(feature for node in own for feature in words(node.get("features")))),
    )


def _is_idle(node: Found) -> bool:
    states = {word.upper() for word in words(node.get("state")) + words(node.get("state_flags"))}
    return FREE in states and not states & NOT_FREE


def qos(row: Found) -> Qos:
    """A QOS; the node limit is the smallest of one user's, one job's and the whole group's."""
    most = inner(row, "limits", "max")
    limits = [nodes_of(inner(most, "tres", *path)) for path in (("per", "user"), ("total",), ("per", "job"))]
    name = text(row.get("name"))
    if not name:
        raise Unreadable("slurmrestd told of a QOS without a name", str(row))
    return Qos(
        name=name,
        priority=number(row.get("priority")) or 0,
        max_walltime=minutes(inner(most, "wall_clock", "per", "job")),
        max_nodes=min((limit for limit in limits if limit is not None), default=None),
        max_submits_per_user=number(inner(most, "jobs", "per", "user")),
        description=text(row.get("description")),
        usage_factor=figure(row.get("usage_factor"), 1.0),
    )


def entitlements(rows: Iterable[Found], accounts: Collection[Found], user: str) -> tuple[Entitlement, ...]:
    """What `user` may charge, the default account first. Rows of others, and those of whole accounts, are left out."""
    descriptions = {text(account.get("name")): text(account.get("description")) for account in accounts}
    own = [_entitlement(row, descriptions) for row in rows if row.get("user") == user]
    return tuple(sorted(own, key=lambda entitlement: (not entitlement.is_default, entitlement.account)))


def _entitlement(row: Found, descriptions: dict[str, str]) -> Entitlement:
    account = text(row.get("account"))
    if not account:
        raise Unreadable("slurmrestd told of an association without an account", str(row))
    return Entitlement(
        user=text(row.get("user")),
        account=account,
        qos=words(row.get("qos")),
        default_qos=text(inner(row, "default", "qos")),
        partition=text(row.get("partition")),
        is_default=bool(row.get("is_default")),
        description=descriptions.get(account, ""),
    )
