"""What a granted request comes to, in lines."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from facility.models import Estimate, JobRequest
from facility.offer import Offer
from spawners.form.verdict import verdict

HOUR = timedelta(hours=1)
PLAIN = JobRequest("ncem", "regular", "main", HOUR)
LATER = JobRequest("ncem", "regular", "main", HOUR, reservation="night-shift")


def lines(request: JobRequest, offer: Offer, estimate: Estimate | None, now: datetime) -> dict[str, str]:
    """Label and words."""
    return {fact.label: fact.words for fact in verdict(request, offer, estimate, now)}


def test_every_size_that_was_chosen_is_told(offer: Offer, now: datetime) -> None:
    """And none that the partition decides."""
    large = JobRequest("ncem", "realtime", "main", HOUR, 2, "beam-042", cpus_per_task=8, memory_mb=16384,
                       gpus_per_node=1)  # fmt: skip

    assert "1 node of main, QOS regular" == lines(PLAIN, offer, None, now)["Runs on"]
    told = lines(large, offer, None, now)["Runs on"]
    assert "2 nodes of main inside beam-042 with 8 CPUs, 16 GB, 1 GPU, QOS realtime" == told
    assert lines(PLAIN, offer, None, now)["Cost"].startswith("At most 1 node hour of ncem")


@pytest.mark.parametrize(
    ("starts", "words"),
    [(timedelta(0), "now (Slurm's reckoning of 20 s ago)"), (2 * HOUR, "in 2 h (Slurm's reckoning of 20 s ago):")],
)
def test_an_estimate_is_told_with_its_age(offer: Offer, now: datetime, starts: timedelta, words: str) -> None:
    """It is a reckoning of some moment, never a promise."""
    estimate = Estimate(now - timedelta(seconds=20), now + starts)

    assert words == lines(PLAIN, offer, estimate, now)["Estimated start"]


def test_the_end_follows_the_estimated_start(offer: Offer, now: datetime) -> None:
    """As far as a start is known."""
    known = verdict(PLAIN, offer, Estimate(now, now + HOUR), now)[-1]
    unknown = verdict(PLAIN, offer, None, now)[-1]

    assert ("Ends", now + 2 * HOUR, None) == (known.label, known.time, unknown.time)


def test_why_there_is_no_start_is_said_in_the_schedulers_words(offer: Offer, now: datetime) -> None:
    """No start is never shown as a start at once."""
    told = lines(PLAIN, offer, Estimate(now, why_not="Requested node configuration is not available"), now)

    assert "Requested node configuration is not available" in told["Estimated start"]


def test_what_nobody_asked_is_called_unknown(offer: Offer, now: datetime) -> None:
    """But a reservation that is to come opens when it opens."""
    assert "not known; Slurm was not asked yet" == lines(PLAIN, offer, None, now)["Estimated start"]
    start = verdict(LATER, offer, None, now)[2]
    assert ("not before its reservation opens:", now + 2 * HOUR) == (start.words, start.time)
