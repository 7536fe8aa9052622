"""The list of exact versions that the demonstration, the tests and the build use: whole, and with checksums."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
REMEDY = "bash scripts/freeze.sh"


def listed() -> dict[str, tuple[str, int]]:
    """Name → version and number of checksums."""
    text = (ROOT / "scripts" / "python-versions.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE))
    found = {}
    for entry in entries:
        need = Requirement(entry.partition(" \\\n")[0].strip())
        (pin,) = need.specifier
        assert "==" == pin.operator, entry
        found[canonicalize_name(need.name)] = (pin.version, entry.count("--hash=sha256:"))
    return found


def asked() -> list[Requirement]:
    """What pyproject.toml asks for: to build the wheel, and of every extra."""
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = facts["project"]["optional-dependencies"].values()
    texts = [*facts["build-system"]["requires"], *facts["project"]["dependencies"], *(t for e in extras for t in e)]
    return [need for text in texts if (need := Requirement(text)).name != "beamside"]


def test_every_dependency_has_its_exact_version_in_the_list() -> None:
    """A dependency that is new, or whose bound was raised, must be in the list before anybody can install it."""
    versions = listed()
    missing = [
        str(need)
        for need in asked()
        if (name := canonicalize_name(need.name)) not in versions or not need.specifier.contains(versions[name][0])
    ]

    assert [] == missing, f"these are not in scripts/python-versions.txt; run: {REMEDY}"


def test_every_version_has_checksums() -> None:
    """pip then takes no other file than those that were listed."""
    assert [] == [name for name, (_, checksums) in listed().items() if not checksums]
