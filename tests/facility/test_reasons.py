"""Slurm's reasons as sentences."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from facility.models import Job, JobState
from facility.reasons import WHY_ENDED, in_words, why


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Resources", "Waiting for nodes to become free."),
        ("ReqNodeNotAvail, May be reserved for other job", "Nodes it needs are reserved, down or drained."),
        ("QOSMaxCpuPerUserLimit", "You are at this QOS's limit of CPUs."),
        ("QOSGrpSomethingNew", "All jobs of this QOS together are at one of its limits."),
        ("Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions",
         "Nodes it needs are reserved, down or drained."),
    ],
)  # fmt: skip
def test_a_reason_reads_as_a_sentence(reason: str, words: str) -> None:
    """Known words, words with more after a comma, and families of words."""
    assert words == in_words(reason)


def test_an_unknown_reason_is_named() -> None:
    """A word of a later Slurm is shown rather than left out."""
    assert "Slurm says: GravityTooStrong" == in_words("GravityTooStrong")


def test_every_final_state_has_a_sentence() -> None:
    """No job ends without a word."""
    assert {state for state in JobState if state.is_final} == set(WHY_ENDED)


def test_a_running_job_needs_no_reason(make_job: Callable[..., Job]) -> None:
    """There is nothing to explain."""
    assert "" == why(make_job(reason="None"))


def test_a_job_says_why_it_ended(make_job: Callable[..., Job]) -> None:
    """The state itself is the reason."""
    assert "Its walltime was used up." == why(make_job(state=JobState.TIMEOUT))
