"""A machine without a scheduler, with state and scratch of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROFILE = """
name = "laptop"
[service]
url = "http://127.0.0.1:9"
[systems.laptop]
title = "This machine"
scheduler = "none"
"""


def environment_of(folder: Path, more: str = "") -> dict[str, str]:
    """Write the profile, with `more` lines of its system, and tell the environment that keeps all in `folder`."""
    profile = folder / "facility.toml"
    profile.write_text(PROFILE + more, encoding="utf-8")
    place = str(folder)
    return {"BEAMSIDE_PROFILE": str(profile), "XDG_STATE_HOME": place, "TMPDIR": place, "PYTHONPATH": str(ROOT)}


def move_to(folder: Path, patch: pytest.MonkeyPatch, more: str = "") -> None:
    """Be on that machine for as long as `patch` lasts."""
    for name, value in environment_of(folder, more).items():
        patch.setenv(name, value)
