"""What runs where, as the queue last told, counted once for everybody who asks."""

from __future__ import annotations

from collections import Counter

from facility.errors import Unreadable
from facility.fit import Busy, busy_nodes, free_nodes
from facility.models import Reservation
from facility.service.scheduler.ledger import Ledger


class Occupancy:
    """The nodes on which jobs run, and how many jobs wait for each reservation."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._version = -1
        self._busy: Busy = {}
        self._waiting: Counter[str] = Counter()

    def busy(self) -> Busy:
        """See `facility.fit.busy_nodes`."""
        self._count()
        return self._busy

    def waiting_for(self, reservation: str) -> int:
        """How many jobs wait for this reservation."""
        self._count()
        return self._waiting[reservation]

    def free(self, reservation: Reservation) -> int | None:
        """The nodes of it on which nothing runs; None before the queue was seen, or where they cannot be told."""
        if self._ledger.taken is None:
            return None
        try:
            return free_nodes(reservation, self.busy())
        except Unreadable:
            return None

    def _count(self) -> None:
        if self._ledger.version_of() == self._version:
            return
        snapshot = self._ledger.snapshot()
        if snapshot is None:
            return
        self._busy = busy_nodes(snapshot.jobs)
        self._waiting = Counter(job.reservation for job in snapshot.jobs if job.reservation and job.state.is_waiting)
        self._version = snapshot.version
