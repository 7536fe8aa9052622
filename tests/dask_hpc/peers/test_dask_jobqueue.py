"""dask-jobqueue's own tests, from its wheel, with our cluster in place of its; docs/peers.md has the table."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dask_hpc
from beamside.demo.slurm.cluster import SlurmCluster
from tests.dask_hpc.laptop import PROFILE as LAPTOP
from tests.dask_hpc.peers.page import rows

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

PAGE = rows("dask-jobqueue")
RUN = [row.test for row in PAGE if row.here == "runs"]
HERE = Path(__file__).parent


@dataclass
class Wheel:
    """The tests of the wheel that is installed, run by one of the people."""

    desk: Notebooks
    plugin: Path
    wanted: Sequence[str]
    _failures: dict[str, str | None] = field(default_factory=dict)

    def pytest(self, tests: Sequence[str], *options: str) -> dict[str, Any]:
        """What the plugin tells of these tests, `""` being all."""
        (package,) = find_spec("dask_jobqueue").submodule_search_locations
        there = [str(Path(package, "tests", test)) for test in tests]
        clean = ("-c", os.devnull, "--rootdir", str(self.plugin), "-p", "no:cacheprovider", "-q", "--tb=short")
        plugins = ("-p", "pytest_asyncio.plugin", "-p", "jobqueue_plugin", "--asyncio-mode=strict")
        done = self.desk.run_as(
            self.desk.user, sys.executable, "-m", "pytest", *clean, *plugins, *options, *there, seconds=500,
            PYTHONPATH=os.pathsep.join((str(self.plugin), str(Path(dask_hpc.__file__).parents[1]))),
            PYTHONDONTWRITEBYTECODE="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            BEAMSIDE_PROFILE=str(self.desk.profile), XDG_STATE_HOME=str(self.desk.state),
            DASK_CONFIG=str(self.plugin / "config"),  # not the home: dask-jobqueue leaves a file there
            DASK_DISTRIBUTED__ADAPTIVE__INTERVAL="200ms",  # three looks without work, and a block may go
        )  # fmt: skip
        said = done.stdout.decode()
        assert done.returncode in (0, 1), f"status {done.returncode}\n{said}\n{done.stderr.decode()}"
        answer: dict[str, Any] = json.loads(said.splitlines()[-1])
        return answer

    def failure_of(self, test: str) -> str | None:
        """How a test failed; None where it passed. All that are wanted run at once; on a second try it runs alone."""
        if test not in self._failures:
            tests, self.wanted = self.wanted or [test], []
            answer = self.pytest(tests)
            self._failures |= {one: answer["failures"].get(one) for one in answer["collected"]}
        return self._failures.pop(test)


@pytest.fixture(scope="module")
def wheel(ana: Notebooks, slurm: SlurmCluster, request: pytest.FixtureRequest) -> Wheel:
    """The wheel's tests, for the microscopist."""
    ours = (item for item in request.session.items if getattr(item, "function", None) is test_its_test_passes)
    plugin = slurm.directory / "jobqueue"
    plugin.mkdir(mode=0o755, exist_ok=True)
    for name in ("jobqueue_plugin.py", "slurm_cluster.py"):
        shutil.copyfile(HERE / name, plugin / name)
    (plugin / "facility.toml").write_text(LAPTOP, encoding="utf-8")
    for file in plugin.iterdir():
        file.chmod(0o644)
    return Wheel(ana, plugin, [item.callspec.params["test"] for item in ours])


def test_each_of_its_tests_runs_or_is_listed_with_its_reason(wheel: Wheel) -> None:
    """One that is new in the wheel has to be run or listed; one that has gone from it leaves the table."""
    collected, listed = wheel.pytest([""], "--collect-only")["collected"], [row.test for row in PAGE]

    assert set(collected) ^ set(listed) == set()
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("test", RUN)
def test_its_test_passes(wheel: Wheel, test: str) -> None:
    """What dask-jobqueue asks of its cluster, ours does too."""
    failure = wheel.failure_of(test)

    assert failure is None, failure
