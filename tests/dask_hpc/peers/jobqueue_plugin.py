"""A plugin of pytest for dask-jobqueue's own tests: our cluster wherever they name one of theirs.

Their own fixtures stand in a file that is not in the wheel; these are ours. At the end it prints what was collected and
what came of it, as one line of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dask_jobqueue
import dask_jobqueue.core
import dask_jobqueue.local
import dask_jobqueue.pbs
import dask_jobqueue.sge
import pytest
from slurm_cluster import Job, SLURMCluster  # laid beside this file

LAPTOP = Path(__file__).with_name("facility.toml")
THEIRS = (dask_jobqueue.JobQueueCluster, dask_jobqueue.core.Job)
CLUSTERS = (
    "HTCondorCluster", "JobQueueCluster", "LSFCluster", "MoabCluster", "OARCluster", "PBSCluster", "SGECluster",
    "SLURMCluster",
)  # fmt: skip

for _name in CLUSTERS:
    setattr(dask_jobqueue, _name, SLURMCluster)
dask_jobqueue.core.JobQueueCluster = dask_jobqueue.local.LocalCluster = SLURMCluster
dask_jobqueue.core.Job = dask_jobqueue.pbs.PBSJob = dask_jobqueue.sge.SGEJob = Job

_collected: list[str] = []
_failures: dict[str, str] = {}


def name_of(item: pytest.Item) -> str:
    """FILE::NAME, without parameters."""
    return f"{item.path.name}::{getattr(item, 'originalname', item.name)}"


@pytest.fixture(params=[SLURMCluster])
def Cluster(request: pytest.FixtureRequest) -> type[SLURMCluster]:
    """Each class that their tests go through: ours alone."""
    return request.param


@pytest.fixture
def EnvSpecificCluster() -> type[SLURMCluster]:
    """The class of the batch system that there is: ours."""
    return SLURMCluster


@pytest.fixture
def loop() -> None:
    """None: a cluster of ours has a loop of its own."""


@pytest.fixture(autouse=True)
def _facility(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where a test wants no batch system, there is none: jobs are processes of this machine."""
    if request.node.get_closest_marker("env") is None:
        monkeypatch.setenv("BEAMSIDE_PROFILE", str(LAPTOP))
    yield


def pytest_configure(config: pytest.Config) -> None:
    """Their marks."""
    config.addinivalue_line("markers", "env(name): needs that batch system")
    config.addinivalue_line("markers", "xfail_env(reasons): known to fail on these")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take note of all, and see that no class of theirs is left in a module of tests."""
    _collected.extend(dict.fromkeys(name_of(item) for item in items))
    for module in {item.module for item in items}:
        held = [name for name, one in vars(module).items() if isinstance(one, type) and issubclass(one, THEIRS)]
        assert held == [], f"{module.__name__} would test {held}"


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Keep each failure; a test that skips itself has said nothing of us, so it is one."""
    if call.excinfo is not None:
        _failures[name_of(item)] = f"{call.when}: {item.repr_failure(call.excinfo)}"


def pytest_unconfigure() -> None:
    """The answer."""
    print(json.dumps({"collected": _collected, "failures": _failures}))
