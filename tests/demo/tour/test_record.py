"""The tour's record: what held, what did not, and how far an interrupted tour came."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beamside.demo.tour.record import Recorder, TourStopped, check


def test_a_step_that_holds_is_recorded_with_its_time_and_facts(tmp_path: Path) -> None:
    """tour.json is complete after every step."""
    record = Recorder(tmp_path, {"synthetic": True})
    with record.step("sign in", lambda step: None) as step:
        step.facts["user"] = "ana"

    told = json.loads((tmp_path / "tour.json").read_text())
    assert (True, True, {"user": "ana"}) == (told["all_held"], told["synthetic"], told["steps"][0]["facts"])


def test_a_step_that_does_not_hold_is_named_and_stops_the_tour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error goes on, its first line is recorded, and what was there is kept as a picture."""
    record = Recorder(tmp_path, {"synthetic": True})
    with pytest.raises(TourStopped), record.step("start", lambda step: step.pictures.append("failed.png")):
        check(False, "the job is gone\nand more")

    told = json.loads((tmp_path / "tour.json").read_text())["steps"][0]
    assert (False, "the job is gone", ["failed.png"]) == (told["held"], told["problem"], told["pictures"])
    assert "FAILED  start: the job is gone" in capsys.readouterr().out
    assert not record.all_held


def test_a_tour_without_steps_has_not_held(tmp_path: Path) -> None:
    """Nothing done is no success."""
    assert not Recorder(tmp_path, {"synthetic": True}).all_held
