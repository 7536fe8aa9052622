"""Records as JSON and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from facility.admission import JudgedReservation
from facility.errors import Unreadable
from facility.models import Job, JobChange, JobSnapshot, Qos
from facility.wire import decode, encode


def test_a_snapshot_survives_the_wire(make_job: Callable[..., Job]) -> None:
    """What is read is what was written, hostile names included."""
    sent = JobSnapshot(3, datetime(2026, 1, 1, tzinfo=UTC), (make_job(name='\x1b[31m<script>"\u202e\n'),))

    assert sent == decode(JobSnapshot, json.loads(json.dumps(encode(sent))))


def test_spans_are_seconds_and_times_are_utc() -> None:
    """The wire's forms are those that a browser reads too."""
    change = encode(JobChange(1, "7", None))

    assert {"version": 1, "job_id": "7", "job": None} == change
    assert 90.5 == encode(Qos("q", max_walltime=timedelta(seconds=90.5)))["max_walltime"]
    assert "2026-01-01T00:00:00+00:00" == encode(datetime(2026, 1, 1, tzinfo=UTC))


def test_a_span_comes_back_as_a_span() -> None:
    """Seconds become a timedelta again."""
    assert timedelta(hours=4) == decode(Qos, {"name": "q", "max_walltime": 14400.0}).max_walltime


def test_a_later_versions_fields_are_ignored() -> None:
    """An older client reads a newer service."""
    now = "2026-01-01T00:00:00Z"
    found = {"name": "r", "starts": now, "ends": now, "state": "ACTIVE", "admits": True, "colour": "green"}

    assert decode(JudgedReservation, found).admits


@pytest.mark.parametrize("found", [None, [], {"name": 3}, "text", {"priority": "high", "name": "q"}])
def test_what_is_no_record_is_unreadable(found: object) -> None:
    """The error names the record and what is wrong."""
    with pytest.raises(Unreadable, match="no Qos"):
        decode(Qos, found)
