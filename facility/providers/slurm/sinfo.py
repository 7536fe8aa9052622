"""sinfo(1): partitions and what is free in them. Nodes of one kind come as one row."""

from __future__ import annotations

import re
from dataclasses import replace

from facility.errors import Unreadable
from facility.models import Partition
from facility.providers.slurm.text import Marks, decode, duration, names, whole

FIELDS = ("%P", "%a", "%l", "%F", "%c", "%m", "%G", "%f")
GPUS = re.compile(r"(?:^|,)gpu(?::[A-Za-z][^:,(]*)?:(\d+)")


def argv(command: str, marks: Marks) -> list[str]:
    """Ask for every partition, hidden ones too."""
    return [command, "--noheader", "--all", "--exact", f"--format={marks.separator.join(FIELDS)}{marks.end}"]


def parse(stdout: bytes, marks: Marks) -> tuple[Partition, ...]:
    """Partitions in Slurm's order. Raises Unreadable, with the row, rather than leave one out."""
    found: dict[str, Partition] = {}
    *rows, rest = stdout.split(marks.end.encode())
    if rest.strip():
        raise Unreadable("sinfo's answer is cut", decode(rest))
    for row in rows:
        partition = _partition(decode(row).removeprefix("\n").split(marks.separator))
        known = found.get(partition.name)
        found[partition.name] = _joined(known, partition) if known else partition
    return tuple(found.values())


def _partition(row: list[str]) -> Partition:
    if len(row) != len(FIELDS):
        raise Unreadable("sinfo printed a row with missing fields", " ".join(row))
    name, available, limit, nodes, cpus, memory, gres, features = row
    _, idle, other, total = (whole(figure) or 0 for figure in nodes.split("/"))  # allocated/idle/other/total
    return Partition(
        name=name.removesuffix("*"),
        is_up=available == "up",
        is_default=name.endswith("*"),
        max_walltime=duration(limit),
        nodes=total,
        idle_nodes=idle,
        unavailable_nodes=other,
        cpus_per_node=whole(cpus) or 0,
        memory_mb_per_node=whole(memory) or 0,
        gpus_per_node=sum(int(count) for count in GPUS.findall(gres)),
        features=names(features),
    )


def _joined(one: Partition, other: Partition) -> Partition:
    """Two kinds of nodes of one partition: sums of nodes, the largest of what one node offers."""
    return replace(
        one,
        nodes=one.nodes + other.nodes,
        idle_nodes=one.idle_nodes + other.idle_nodes,
        unavailable_nodes=one.unavailable_nodes + other.unavailable_nodes,
        cpus_per_node=max(one.cpus_per_node, other.cpus_per_node),
        memory_mb_per_node=max(one.memory_mb_per_node, other.memory_mb_per_node),
        gpus_per_node=max(one.gpus_per_node, other.gpus_per_node),
        features=tuple(dict.fromkeys(one.features + other.features)),
    )
