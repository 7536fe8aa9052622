"""How partitions weigh jobs for billing: scontrol(1) of partitions, and of the configuration where one sets weights."""

from __future__ import annotations

import re

from facility.models import Billing
from facility.providers.slurm.scontrol import KEY
from facility.providers.slurm.text import decode, whole, word

LARGEST = {"MAX_TRES": ("cpu", "mem", "node", "gres/gpu")}
"""Of which TRES only the largest counts, by the flag of PriorityFlags (slurm.conf(5)); GPUs are our only GRES."""

WEIGHT = re.compile(r"([A-Za-z/]+)(?::[^=,]+)?=([0-9.]+)([KMGTP]?)")
GB = {"": 1024.0, "K": 1024.0**2, "M": 1024.0, "G": 1.0, "T": 1 / 1024, "P": 1 / 1024**2}
"""A weight of memory is one of a MB unless a letter says otherwise; by this it becomes one of a GB."""

SETTING = re.compile(r"^(\w+)\s*= (.*?)\s*$", re.M)


def argv(command: str) -> list[str]:
    """Ask for every partition, hidden ones too."""
    return [command, "--all", "--oneliner", "show", "partition"]


def config_argv(command: str) -> list[str]:
    """Ask for the configuration that holds for all partitions."""
    return [command, "show", "config"]


def rows(stdout: bytes) -> dict[str, dict[str, str]]:
    """By partition, the words of those that set weights."""
    found = {}
    for line in decode(stdout).splitlines():
        pieces = KEY.split(line)[1:]
        row = dict(zip(pieces[::2], pieces[1::2], strict=True))
        if word(row.get("TRESBillingWeights", "")) and row.get("PartitionName"):
            found[row["PartitionName"]] = row
    return found


def billing(row: dict[str, str], config: bytes) -> Billing:
    """What the words of one partition and of the configuration mean."""
    settings = dict(SETTING.findall(decode(config)))
    flags = settings.get("PriorityFlags", "").split(",")
    memory = [{name: whole(source.get(name, "")) for name in ("DefMemPerCPU", "DefMemPerNode")}
              for source in (row, settings)]  # fmt: skip
    default = next((one for one in memory if any(one.values())), {})
    return Billing(
        weights=_weights(row["TRESBillingWeights"]),
        largest_of=next((LARGEST[flag] for flag in flags if flag in LARGEST), ()),
        takes_whole_nodes=row.get("OverSubscribe", "") == "EXCLUSIVE",
        memory_mb_per_cpu=default.get("DefMemPerCPU"),
        memory_mb_per_node=default.get("DefMemPerNode"),
    )


def _weights(text: str) -> tuple[tuple[str, float], ...]:
    """By TRES. Of the weights of several kinds of GPU the largest: nobody asks for a kind on our form."""
    found: dict[str, float] = {}
    for name, figure, letter in WEIGHT.findall(text):
        tres = name.lower()
        weight = float(figure) * (GB[letter] if tres == "mem" else 1.0)
        found[tres] = max(weight, found.get(tres, 0.0))
    return tuple(found.items())
