"""How many waiting jobs come before one."""

from __future__ import annotations

from facility.models import Job, JobState
from facility.providers.slurm import ahead

JOB = Job("41", "ana", "scan", JobState.PENDING, "PENDING", partition="main", priority=300)


def test_only_the_jobs_own_partition_is_asked_about() -> None:
    """And of its waiting jobs only the priorities."""
    assert ahead.argv("squeue", JOB)[-3:] == ["--states=PENDING", "--Format=PriorityLong:0", "--partition=main"]


def test_those_of_higher_priority_are_counted() -> None:
    """Not the job itself, nor its like, nor what is no number."""
    assert ahead.parse(b"300\n301\n  4000\n12\nerror\n", JOB) == 2
