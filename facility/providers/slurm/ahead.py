"""squeue(1): how many waiting jobs of a partition have a higher priority than one job."""

from __future__ import annotations

from facility.models import Job


def argv(command: str, job: Job) -> list[str]:
    """Ask for the priorities of those that wait in the job's partition, and for nothing else."""
    asked = ("--noheader", "--local", "--states=PENDING", "--Format=PriorityLong:0")
    return [command, *asked, f"--partition={job.partition}"]


def parse(stdout: bytes, job: Job) -> int:
    """How many are higher than the job's."""
    return sum(int(word) > job.priority for word in stdout.split() if word.isdigit())
