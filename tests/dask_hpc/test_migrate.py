"""docs/migrate_clusters.md and docs/mpi_and_dask.md name what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

import dask_hpc
from beamside.command import VERBS
from dask_hpc import MPICluster
from dask_hpc.config import DEFAULTS
from facility import errors
from facility.profile import Service, System

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("migrate_clusters.md", "mpi_and_dask.md")
NEW = set(inspect.signature(MPICluster).parameters)
"""The arguments of MPICluster."""


def ours(page: str) -> str:
    """All that a page says of us: its tables without their first cells, and everything else."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    return "\n".join(line.split(" | ", 1)[-1] if page == PAGES[0] and line.startswith("| ") else line for line in lines)


@pytest.mark.parametrize("page", PAGES)
def test_methods_and_attributes_exist(page: str) -> None:
    """Whatever is called on a cluster or on its class is there, with the keywords that are named."""
    calls = re.findall(r"(?:cluster|MPICluster)\.(\w+)(?:\(([^()]*)\))?", ours(page))
    keywords = {(name, word) for name, words in calls for word in re.findall(r"(\w+)=", words or "")}

    assert calls
    assert [name for name, _ in calls if not hasattr(MPICluster, name)] == []
    assert [(n, word) for n, word in keywords if word not in inspect.signature(getattr(MPICluster, n)).parameters] == []


@pytest.mark.parametrize("page", PAGES)
def test_arguments_exist(page: str) -> None:
    """So is what a cluster is made with, alone in a cell or in a call."""
    text = ours(page)
    words = {word for call in re.findall(r"MPICluster\(([^()]*)\)", text) for word in re.findall(r"(\w+)=", call)}

    assert words | set(re.findall(r"`(\w+)=`", text)) - {"ranks", "inputs"} <= NEW


def test_errors_knobs_verbs_and_keys_of_the_profile_exist() -> None:
    """The names in between, too."""
    text = ours(PAGES[0]) + ours(PAGES[1])
    knobs = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["dask_hpc"]
    known = {*dir(errors), *dask_hpc.__all__}
    keys = set(re.findall(r"`(\w+)`(?:,? (?:or|and) `\w+`)? (?:of|in) `facility\.toml`", text))

    assert set(re.findall(r"`(NotEnoughRanks|RankLost|ClusterEnded|SubmitRefused)\b", text)) <= known
    assert {key for key in re.findall(r"`dask_hpc\.([a-z-]+)", text)} <= set(knobs)
    assert {verb for verb in re.findall(r"`beamside (\w+)", text)} <= set(VERBS)
    assert keys <= {*System.model_fields, *Service.model_fields}
