"""What is usual on one system, for the cards of everybody's form: experience and reckoning."""

from __future__ import annotations

from dataclasses import dataclass, field

from spawners.usual_starts import Starts
from spawners.waits import Waits


@dataclass(frozen=True)
class Usual:
    """How long jobs waited, and when a node would start; both by the names of partitions, QOS and reservations."""

    waits: Waits = field(default_factory=Waits)
    starts: Starts = field(default_factory=Starts)
