"""docs/reference/providers.md tells of every provider, every question, and of what was not run live."""

from __future__ import annotations

from pathlib import Path

from facility.providers import Ability
from facility.providers.slurmrestd.provider import LIVE, REVISIONS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "providers.md").read_text(encoding="utf-8")
FOLDER = Path(__file__).parents[3] / "facility" / "providers"


def test_every_provider_is_told_of() -> None:
    """By its package."""
    packages = {path.parent.name for path in FOLDER.glob("*/__init__.py")}

    assert all(f"`facility.providers.{name}" in PAGE for name in packages)


def test_every_question_is_told_of() -> None:
    """Who reads the table knows what a form will lack."""
    assert all(f"`{ability}`" in PAGE for ability in Ability)


def test_what_was_not_run_live_is_said() -> None:
    """The same versions as the provider itself names."""
    assert f"slurmrestd v0.0.{LIVE} (Slurm 22.05) | live" in PAGE
    assert f"v0.0.{REVISIONS[1]} to v0.0.{REVISIONS[-1]} (Slurm 23.11 to 25.11) | **not run live**" in PAGE
