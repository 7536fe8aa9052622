"""sbatch(1): argv from a JobRequest, and what its answer means. The script comes on standard input."""

from __future__ import annotations

import re

from facility.errors import FacilityError, SubmitRefused, Unreachable, Unreadable
from facility.providers.slurm.text import JOB_ID, decode

PREFIX = re.compile(r"^sbatch: (?:error: )?(?:Batch job submission failed: )?", re.MULTILINE)

# Words of slurm_strerror() and of sbatch after which the controller may hold the job all the same (measured: a job was
# accepted after "Socket timed out"), or after which it was not asked. Either way: ask by nonce, then submit again.
AMBIGUOUS = (
    "Socket timed out",
    "Unable to contact slurm controller",
    "Zero Bytes were transmitted or received",
    "Transport endpoint",
    "Connection refused",
    "Connection reset",
    "Connection timed out",
    "Message receive failure",
    "Message send failure",
    "Unexpected message received",
    "temporarily unable to accept job",
    "slurmctld is in standby",
    "Slurm backup controller in standby mode",
    "Controller is in the process of shutting down",
    "Resource temporarily unavailable",
)


def argv(command: str, options: list[str]) -> list[str]:
    """Submit the script on standard input with `options` (see `facility.script`), which override #SBATCH lines."""
    return [command, "--parsable", *options]


def parse(returncode: int, stdout: bytes, stderr: bytes) -> str:
    """The id of the new job.

    Raises SubmitRefused with sbatch's words, or Unreachable when the job may be held all the same.
    """
    if returncode == 0:
        job_id = decode(stdout).strip().split(";")[0]
        if not JOB_ID.fullmatch(job_id):
            raise Unreadable("sbatch said neither a job id nor an error; look for the job by its nonce", decode(stdout))
        return job_id
    raise _refusal(returncode, decode(stderr))


def _refusal(returncode: int, stderr: str) -> FacilityError:
    words = PREFIX.sub("", stderr).strip() or f"sbatch ended with status {returncode} and no message"
    if returncode < 0 or any(mark in stderr for mark in AMBIGUOUS):
        return Unreachable(f"the scheduler did not confirm the job ({words}); it may hold it: look for it by its nonce")
    return SubmitRefused(f"the scheduler refused the job: {words}")
