"""The drawings of the guide are what their script draws."""

from __future__ import annotations

import runpy
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
DRAWN = {name: draw().svg() for name, draw in runpy.run_path(str(ROOT / "scripts" / "drawings.py"))["DRAWINGS"].items()}


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_is_as_its_script_draws_it(name: str) -> None:
    """Whoever changes the script draws anew: python scripts/drawings.py."""
    assert DRAWN[name] == (ROOT / "docs" / "pictures" / f"{name}.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DRAWN)
def test_a_drawing_says_in_words_what_it_shows(name: str) -> None:
    """It has a title for those who cannot see it, and no text leaves it at the right or below."""
    root = ElementTree.fromstring(DRAWN[name])
    width, height = (float(root.attrib[side]) for side in ("width", "height"))
    texts = root.findall("{http://www.w3.org/2000/svg}text")

    assert root.attrib["aria-label"]
    assert all(0 <= float(text.attrib["x"]) < width and 0 < float(text.attrib["y"]) < height for text in texts)
