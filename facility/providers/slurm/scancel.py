"""scancel(1): end one job."""

from __future__ import annotations

from facility.errors import FacilityError, NotAllowed, Unreachable
from facility.providers.slurm.text import decode


def argv(command: str, job_id: str) -> list[str]:
    """End `job_id`; Slurm sends SIGTERM to its steps, and SIGKILL after KillWait."""
    return [command, job_id]


def refusal(job_id: str, returncode: int, stderr: bytes) -> FacilityError | None:
    """What went wrong, or None. A job that has ended already, or that the controller forgot, needs no cancelling."""
    words = decode(stderr).strip()
    if returncode == 0 or "Invalid job id" in words or "already complet" in words:
        return None
    if "Access/permission denied" in words or "Access denied" in words:
        return NotAllowed(f"job {job_id} belongs to somebody else; only its owner may cancel it")
    reason = words or f"scancel ended with status {returncode}"
    return Unreachable(f"job {job_id} was not cancelled: {reason}; try again")
