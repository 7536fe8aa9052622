"""What a granted request comes to, as lines for the form: size, cost, start and end. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from facility.models import Estimate, JobRequest
from facility.offer import Offer
from spawners.form.cost import cost
from spawners.form.spans import duration, hours

SOON = timedelta(minutes=1)
"""An estimated start that is nearer is called now; the scheduler looks at its queue about as often."""


@dataclass(frozen=True)
class Fact:
    """One line: what it is about, the words, and a time that the page shows in the reader's zone."""

    label: str
    words: str
    time: datetime | None = None


def verdict(request: JobRequest, offer: Offer, estimate: Estimate | None, now: datetime) -> list[Fact]:
    """The lines about a request that the door grants."""
    begins = _begins(request, offer, estimate, now)
    return [
        Fact("Runs on", _where(request)),
        Fact("Cost", cost(request, offer).words),
        _start(request, offer, estimate, now),
        Fact("Ends", f"{hours(request.walltime)} after its start at the latest" + (":" if begins else ""),
             begins and begins + request.walltime),
    ]  # fmt: skip


def _where(request: JobRequest) -> str:
    each = [
        f"{request.cpus_per_task} CPUs" if request.cpus_per_task else "",
        f"{request.memory_mb // 1024} GB" if request.memory_mb else "",
        f"{request.gpus_per_node} GPU{'s' if request.gpus_per_node > 1 else ''}" if request.gpus_per_node else "",
    ]
    size = f"{request.nodes} node{'s' if request.nodes != 1 else ''} of {request.partition}"
    with_ = ", ".join(part for part in each if part)
    inside = f" inside {request.reservation}" if request.reservation else ""
    return f"{size}{inside}{f' with {with_}' if with_ else ''}, QOS {request.qos}"


def _opens(request: JobRequest, offer: Offer) -> datetime | None:
    return next((r.starts for r in offer.reservations.value if r.name == request.reservation), None)


def _begins(request: JobRequest, offer: Offer, estimate: Estimate | None, now: datetime) -> datetime | None:
    """The moment from which the walltime would run, as far as anybody knows."""
    if estimate is not None and estimate.starts is not None:
        return max(estimate.starts, now)
    opens = _opens(request, offer)
    return opens if opens is not None and opens > now else None


def _start(request: JobRequest, offer: Offer, estimate: Estimate | None, now: datetime) -> Fact:
    label = "Estimated start"
    if estimate is None:
        opens = _opens(request, offer)
        if opens is not None and opens > now:
            return Fact(label, "not before its reservation opens:", opens)
        return Fact(label, "not known; Slurm was not asked yet")
    age = duration(now - estimate.as_of)
    asked = f"Slurm's reckoning of {age} ago" + (f" ({estimate.problem})" if estimate.problem else "")
    if estimate.starts is None:
        return Fact(label, f"{estimate.why_not} ({asked})")
    if estimate.starts - now < SOON:
        return Fact(label, f"now ({asked})")
    return Fact(label, f"in {duration(estimate.starts - now)} ({asked}):", estimate.starts)
