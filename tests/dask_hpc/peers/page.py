"""docs/peers.md, whose tables are read here: they are the one list of what is run, restated and left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "peers.md"


@dataclass(frozen=True)
class Row:
    """One test of a peer's, and what becomes of it here."""

    test: str  # FILE::NAME
    here: str


def rows(heading: str) -> list[Row]:
    """The rows of the table under a heading: each test that the first cell names, and the last cell."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = (line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `"))
    return [Row(test, last.replace("*", "").strip()) for first, *_, last in cells for test in _tests(first)]


def _tests(cell: str) -> Iterator[str]:
    """The tests that a cell names; one without a file is in that of the one before."""
    file = ""
    for name in re.findall(r"`([^`]+)`", cell):
        file = name.partition("::")[0] or file
        yield f"{file}::{name.partition('::')[2]}"
