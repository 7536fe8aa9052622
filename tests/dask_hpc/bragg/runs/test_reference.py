"""docs/reference/bragg.md tells of everything that a run has, and of every error."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

from dask_hpc.bragg import BraggRun, RunProgress, find_bragg_disks, start_bragg_disks
from dask_hpc.bragg import errors as ours

PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "bragg.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    """The text below a heading."""
    return PAGE.partition(f"\n## {heading}")[2].partition("\n## ")[0]


def first_cells(text: str) -> set[str]:
    """The names in the first column of its tables, without arguments."""
    cells = " ".join(re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE))
    return {
        re.split(r"[( ]", name.removeprefix("await ").removeprefix("BraggRun."))[0] for name in cells.split("`")[1::2]
    }


def test_every_keyword_and_every_name_of_a_run_is_described() -> None:
    """Those that are not find_bragg_disks' own, and all that is public of a BraggRun."""
    keywords = set(inspect.signature(start_bragg_disks).parameters) - set(
        inspect.signature(find_bragg_disks).parameters
    ) | {"client"}
    public = {name for name in vars(BraggRun) if not name.startswith("_")} | {"folder", "run"}

    assert keywords | public == first_cells(section("Runs that a cluster holds"))


def test_every_figure_of_progress_is_described() -> None:
    """Each field of RunProgress, and its rate."""
    named = set(re.findall(r"`(\w+)`", section("Runs that a cluster holds")))

    assert {field.name for field in fields(RunProgress)} | {"rate"} <= named


def test_every_error_is_described() -> None:
    """Each class has its row."""
    classes = {name for name, kind in vars(ours).items() if getattr(kind, "__module__", "") == ours.__name__}

    assert classes - {"BraggError"} == first_cells(section("Errors"))
