"""What a killed run left is taken down by the next one, once, however many begin at the same moment."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from beamside.demo.processes import start_time
from tests import slurms


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a run leaves that was killed before its Slurm was up."""
    monkeypatch.setattr(slurms, "WORLD", tmp_path)
    left = tmp_path / f"{slurms.PLACE}left"
    left.mkdir()
    (left / "owner.json").write_text(json.dumps({"pid": os.getpid(), "started": 1}), encoding="utf-8")
    return left


def test_what_a_killed_run_left_is_taken_down(place: Path) -> None:
    """Its owner does not run any more."""
    slurms.sweep()

    assert not place.exists()


def test_what_another_sweep_takes_down_is_left_to_it(place: Path) -> None:
    """Two at once would take files away under each other."""
    with (place / "owner.json").open(encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        slurms.sweep()

        assert place.exists()


def test_a_run_that_goes_on_is_left_alone(place: Path) -> None:
    """Its owner is told by pid and start."""
    owner = {"pid": os.getpid(), "started": start_time(os.getpid())}
    (place / "owner.json").write_text(json.dumps(owner), encoding="utf-8")
    slurms.sweep()

    assert place.exists()
