"""docs/reference/dask.md says what the code does."""

from __future__ import annotations

import argparse
import inspect
import re
from pathlib import Path

import yaml

from dask_hpc import MPICluster, errors
from dask_hpc.__main__ import parser
from dask_hpc.config import DEFAULTS
from dask_hpc.jobs.on_slurm import HANDED_ON

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "dask.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    """First cells of the tables under a heading, with their whole rows."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    first = ((re.match(r"\| (`.+?) \|", line), line) for line in section.splitlines())
    return {found[1]: line for found, line in first if found}


def test_every_knob_is_described_with_its_default() -> None:
    """The table and dask_hpc.yaml name the same keys and values."""
    known = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["dask_hpc"]
    described = {key.strip("`"): row.rsplit("`", 2)[1] for key, row in rows("Knobs").items()}

    assert described == {key: str(value) if value != "" else '""' for key, value in known.items()}


def test_every_argument_is_described() -> None:
    """Each argument of MPICluster has its row."""
    described = {name for cell in rows("MPICluster") for name in re.findall(r"`(\w+)`", cell)}

    assert described == set(inspect.signature(MPICluster).parameters)


def test_every_error_of_ours_is_described() -> None:
    """Each class of dask_hpc.errors has its row."""
    ours = {name for name, kind in vars(errors).items() if getattr(kind, "__module__", "") == errors.__name__}

    assert ours <= {cell.strip("`") for cell in rows("Errors")}


def test_every_verb_and_option_is_described() -> None:
    """The command line and its table agree."""
    verbs = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)).choices
    described = rows("Command line")
    options = {word for verb in verbs.values() for action in verb._actions for word in action.option_strings}

    assert {cell.split("`")[1] for cell in described} == set(verbs)
    assert options - {"-h", "--help"} <= set(re.findall(r"--[a-z-]+", " ".join(described)))


def test_every_variable_that_reaches_the_job_is_named() -> None:
    """Nobody has to guess what a job knows."""
    assert [name for name in HANDED_ON if f"`{name}`" not in PAGE] == []
