"""docs/peers.md, whose tables are read here: they are the one list of what is run, restated and left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "peers.md"


@dataclass(frozen=True)
class Row:
    """One test of a peer's, and what becomes of it here."""

    test: str  # FILE::NAME, or FILE::* for all of one file
    here: str


def rows(heading: str) -> list[Row]:
    """The rows of the tables under a heading: the first cell's code, and the last cell."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = (re.match(r"\| `([^`]+)` \|.*?([^|]+) \|$", line) for line in section.splitlines())
    return [Row(found[1], found[2].replace("*", "").strip()) for found in cells if found]
