"""What a request may cost at most, as Slurm charges its account: in billing hours where the partition weighs, else in
node hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from facility.models import Billing, JobRequest, Partition, Qos
from facility.offer import Offer
from spawners.form.limits import node_words
from spawners.form.spans import hours

UNITS = {"cpu": "CPU", "mem": "GB", "gres/gpu": "GPU", "node": "node"}


@dataclass(frozen=True)
class Cost:
    """What is charged if the server runs to its walltime, and what the account has."""

    account: str
    amount: float  # in `unit`s
    unit: str  # "node hour" or "billing hour"
    left: float | None  # of the account or the person; None where the site sets no limit or it is not known
    counted: str  # how the figure comes about, e.g. "2 nodes × 1:30 × 2 (QOS realtime)"

    @property
    def is_covered(self) -> bool:
        """Whether what is left is enough; unknown counts as enough, for the scheduler decides."""
        return self.left is None or self.amount <= self.left

    @property
    def words(self) -> str:
        """The whole in one sentence."""
        told = f"At most {figure(self.amount, self.unit)} of {self.account}: {self.counted}."
        if self.left is not None:
            told += f" {figure(self.left, self.unit)} left" + ("." if self.is_covered else "; that is not enough.")
        return told


def cost(request: JobRequest, offer: Offer) -> Cost:
    """What is charged × walltime × the QOS' usage factor, as limits on an account's minutes are counted (GrpTRESMins).

    A server that is stopped early is charged for the time that it ran. Slurm counts a shared node as a whole one.
    """
    qos = next((one for one in offer.qos.value if one.name == request.qos), Qos(request.qos))
    factor = f" × {qos.usage_factor:g} (QOS {qos.name})" if qos.usage_factor != 1 else ""
    span = request.walltime / timedelta(hours=1) * qos.usage_factor
    mine = [e for e in offer.entitlements.value
            if e.account == request.account and e.partition in {"", request.partition}]  # fmt: skip
    partition = next((one for one in offer.partitions.value if one.name == request.partition), None)
    if partition is not None and partition.billing is not None:
        weight, counted = weighed(request, partition, partition.billing)
        left = [e.billing_hours_left for e in mine]
        said = f"({counted}) × {hours(request.walltime)}{factor}, as partition {partition.name} weighs"
        return Cost(request.account, weight * span, "billing hour", _least(left), said)
    counted = f"{node_words(request.nodes)} × {hours(request.walltime)}{factor}"
    return Cost(request.account, request.nodes * span, "node hour", _least(e.balance_hours for e in mine), counted)


def weighed(request: JobRequest, partition: Partition, billing: Billing) -> tuple[float, str]:
    """Slurm's billing TRES of the job that this request becomes, and how it comes about."""
    held = _held(request, partition, billing)
    parts = {tres: held[tres] * weight for tres, weight in billing.weights if held.get(tres) and weight}
    words = [f"{held[tres]:g} {UNITS[tres]}{'' if tres == 'mem' or held[tres] == 1 else 's'} × {weight:g}"
             for tres, weight in billing.weights if tres in parts]  # fmt: skip
    largest = max((parts[tres] for tres in parts if tres in billing.largest_of), default=0.0)
    total = largest + sum(value for tres, value in parts.items() if tres not in billing.largest_of)
    if billing.largest_of:
        return total, f"the largest of {', '.join(words)}" if len(words) > 1 else "".join(words)
    return total, " + ".join(words) or "nothing"


def _held(request: JobRequest, partition: Partition, billing: Billing) -> dict[str, float]:
    """What the job holds, by TRES; of what is not asked for, what Slurm gives."""
    whole = billing.takes_whole_nodes
    cpus = partition.cpus_per_node if whole else request.cpus_per_task or 1
    memory = request.memory_mb or billing.memory_mb_per_node
    memory = memory or (billing.memory_mb_per_cpu or 0) * cpus or partition.memory_mb_per_node
    gpus = partition.gpus_per_node if whole else request.gpus_per_node
    each = {"cpu": cpus, "mem": memory / 1024, "gres/gpu": gpus, "node": 1}
    return {tres: figure_ * request.nodes for tres, figure_ in each.items()}


def _least(left: Iterable[float | None]) -> float | None:
    return min((one for one in left if one is not None), default=None)


def figure(amount: float, unit: str = "node hour") -> str:
    """Hours as people read them: two decimals where there are few, none where there are many."""
    shown = f"{amount:.0f}" if amount >= 100 or amount == int(amount) else f"{amount:.2f}"
    return f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown} {unit}{'s' if shown != '1' else ''}"
