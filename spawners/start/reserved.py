"""A job that waits in a reservation which is over, or ends too soon for it. No I/O.

Seen of Slurm 22.05: it refuses to delete a reservation in which jobs wait; one that ended it forgets within a minute,
and holds its jobs (RESV_DEL_HOLD); until then all of these have the one reason "Reservation". Later releases delete
it, and hold the jobs at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from facility.admission import JudgedReservation
from facility.models import Job, JobRequest, JobState, Reservation
from facility.offer import Part

CHOICES = "Start without the reservation, or cancel."


def fate(job: Job, wanted: JobRequest, known: Part[tuple[JudgedReservation, ...]], now: datetime) -> str:
    """What keeps a waiting job from starting in its reservation, and what its owner may do; empty for all else.

    known : the reservations that its owner may use, as the facility told; one that ended is not among them.
    """
    name = wanted.reservation
    if name and job.state is JobState.RESV_DEL_HOLD:
        return f"Its reservation {name} has ended or was deleted, and Slurm holds the job. {CHOICES}"
    if not name or job.state is not JobState.PENDING:
        return ""
    found = next((one for one in known.value if one.name == name), None)
    if found is None:
        told = known.as_of is not None and not known.stale
        return f"Its reservation {name} has ended or was deleted; it cannot start there. {CHOICES}" if told else ""
    return "" if found.is_flexible else _times(found, wanted.walltime, now)


def _times(found: Reservation, walltime: timedelta, now: datetime) -> str:
    """What is told of one into which a job must fit; that it has not begun is said with the estimate of the start."""
    if found.starts <= now and found.ends - now < walltime:
        return f"Its reservation {found.name} ends at {found.ends:%H:%M} UTC, before the job could. {CHOICES}"
    return ""
