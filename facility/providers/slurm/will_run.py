"""sbatch(1) with --test-only: when a request would start, and on which nodes. Nothing is submitted.

The controller answers by trying the request against what runs and waits now (two RPCs). Measured with Slurm 22.05: each
answer uses up a job id; the walltime limits of QOS and partition are not looked at; a reservation that has not begun is
refused as "Invalid time specified" unless --begin lies inside it; nodes that other reservations keep count as nodes
that are not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from facility.errors import FacilityError, SubmitRefused, Unreachable, Unreadable
from facility.models import Estimate, JobRequest, Reservation
from facility.providers.slurm.sbatch import AMBIGUOUS
from facility.providers.slurm.text import decode, moment, word

TEST_ONLY = ("--test-only", "--wrap=true")
"""A fixed script of sbatch's own making, so that no text of anybody's is sent along."""

RPCS = 2
"""What one question costs: sbatch asks for the federation too (sdiag, Slurm 22.05)."""

ANSWER = re.compile(
    r"^sbatch: Job [0-9]+ to start at (?P<starts>\S+) using [0-9]+ processors on (?:nodes )?(?P<nodes>\S+)"
    r"(?: in partition (?P<partition>\S+))?$",
    re.MULTILINE,
)
PREFIX = re.compile(r"^(?:allocation failure: |sbatch: (?:error: )?)+", re.MULTILINE)
NOT_THERE = "Requested node configuration is not available"


def begin_of(request: JobRequest, reservations: Iterable[Reservation], now: datetime) -> datetime | None:
    """When the request's reservation begins; None where it has begun, is not waited for, or there is none."""
    wanted = (one for one in reservations if one.name == request.reservation and not one.is_flexible)
    return next((one.starts for one in wanted if one.starts > now), None)


def argv(command: str, options: Sequence[str], begin: datetime | None = None) -> list[str]:
    """Ask about these options of sbatch (see `facility.script`); `begin`: no sooner than then."""
    later = [f"--begin=uts{int(begin.timestamp())}"] if begin else []
    return [command, *TEST_ONLY, *options, *later]


def parse(returncode: int, stderr: bytes, asked: datetime) -> Estimate:
    """What Slurm says of a question put at `asked`, with SLURM_TIME_FORMAT=%s.

    Raises SubmitRefused with Slurm's words, Unreachable where it was not asked, Unreadable for anything else.
    """
    text = decode(stderr)
    if returncode != 0:
        raise _refusal(returncode, text)
    found = ANSWER.search(text)
    starts = moment(found["starts"]) if found else None
    if found is None or starts is None:
        raise Unreadable("sbatch --test-only named no start; SLURM_TIME_FORMAT must be %s", text)
    return Estimate(asked, starts, word(found["nodes"]), found["partition"] or "")


def _refusal(returncode: int, stderr: str) -> FacilityError:
    lines = dict.fromkeys(PREFIX.sub("", stderr).strip().splitlines())
    words = "; ".join(lines) or f"sbatch ended with status {returncode} and no message"
    if returncode < 0 or any(mark in stderr for mark in AMBIGUOUS):
        return Unreachable(f"the scheduler did not say when such a job would start ({words})")
    if NOT_THERE in stderr:
        return SubmitRefused(f"the scheduler names no start: {words}; reservations keep those nodes, or there are none")
    return SubmitRefused(f"the scheduler refused the job: {words}")
