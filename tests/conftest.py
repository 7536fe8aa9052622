"""What every test may use: one real Slurm for the whole run, and an honest list of what could not be tested."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from beamside.demo.ports import free_ports
from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from tests.slurms import new_slurm
from tests.workers import ByFolder, end_with_folder

DATA_VARIABLE = "BEAMSIDE_TEST_DATA"
SECOND_TRIES = 6
"""So many tests of a run may need a second try, where `--reruns` grants one; each is named at its end."""
ALIKE = (
    "beamside/",
    "dask_hpc/block/test_images.py",
    "dask_hpc/bragg/",
    "dask_hpc/deploy/test_named.py",
    "dask_hpc/deploy/test_placing.py",
    "dask_hpc/gangs/",
    "dask_hpc/jobs/test_in_this_job.py",
    "dask_hpc/jobs/test_on_this_machine.py",
    "dask_hpc/mpi/test_gpus.py",
    "dask_hpc/peers/",
    "dask_hpc/request/test_jobqueue.py",
    "dask_hpc/scheduling/test_deadlines.py",
    "dask_hpc/scheduling/test_elastic.py",
    "dask_hpc/scheduling/test_leaving.py",
    "dask_hpc/scheduling/test_pages.py",
    "dask_hpc/sessions/",
    "dask_hpc/test_faults.py",
    "facility/service/accounts/",
    "facility/service/bookings/",
    "facility/service/callbacks/",
    "facility/service/events/",
    "facility/service/health/",
    "facility/service/identity/",
    "facility/service/iri/",
    "facility/service/operations/",
    "facility/service/sfapi/",
    "facility/service/test_callback_routes.py",
    "facility/service/test_database.py",
    "facility/service/test_database_faults.py",
    "facility/service/test_openapi.py",
    "facility/service/transfers/",
    "facility/service/web/",
    "hub_ext/faults/",
    "hub_ext/live/",
    "hub_ext/login/",
    "hub_ext/pages/",
    "hub_ext/starts/",
    "hub_ext/systems/",
    "labextension/",
    "spawners/form/",
)
"""Below tests/: what says the same whoever runs it, because an ordinary user does the work either way."""


class RunAs(Protocol):
    """Run a command as one of the people, in that person's home, in a clean environment; its status is not checked."""

    def __call__(
        self, user: str, *argv: str, stdin: bytes = b"", seconds: float = 60.0, **environment: str
    ) -> subprocess.CompletedProcess[bytes]: ...


@pytest.fixture(scope="session")
def slurm() -> Iterator[SlurmCluster]:
    """A real Slurm with people, accounts, QOS and reservations, for the whole run."""
    with new_slurm() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def run_as(slurm: SlurmCluster) -> RunAs:
    """Run commands as the people of `slurm`."""

    def run(
        user: str, *argv: str, stdin: bytes = b"", seconds: float = 60.0, **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        account = pwd.getpwnam(user)
        other = account.pw_uid != os.geteuid()
        groups = os.getgrouplist(user, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups} if other else {}
        own = {"HOME": account.pw_dir, "USER": user, "LOGNAME": user, "SHELL": "/bin/sh", "LANG": "C.UTF-8"}
        return subprocess.run(
            slurm.inside(argv),
            input=stdin,
            capture_output=True,
            env={**slurm.environment, **own, **environment},
            cwd=account.pw_dir,
            timeout=seconds,
            check=False,
            **who,
        )

    return run


@dataclass(frozen=True)
class Jupyter:
    """A running JupyterLab, the token that opens it, and its log."""

    url: str
    token: str
    log: Path
    process: subprocess.Popen[bytes]


class StartJupyter(Protocol):
    """Start JupyterLab with our extension as one of the people, with `environment`, and wait until it answers."""

    def __call__(self, user: str, **environment: str) -> Jupyter: ...


@pytest.fixture(scope="session")
def start_jupyter(slurm: SlurmCluster) -> Iterator[StartJupyter]:
    """Servers that end with the run; a route without authentication is named in their log."""
    running: list[Jupyter] = []

    def start(user: str, **environment: str) -> Jupyter:
        account, port, token = pwd.getpwnam(user), free_ports(1)[0], secrets.token_hex(16)
        home = Path(tempfile.mkdtemp(prefix="jupyter-", dir=slurm.directory.parent))
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        if account.pw_uid == os.geteuid():
            who = {}
        else:
            os.chown(home, account.pw_uid, account.pw_gid)
        config = {
            "ServerApp": {
                "ip": "127.0.0.1",
                "port": port,
                "port_retries": 0,
                "root_dir": str(home),
                "open_browser": False,
                "allow_root": True,
                "allow_unauthenticated_access": False,
                "jpserver_extensions": {"server_ext": True},
            },
            "IdentityProvider": {"token": token},
            "LabApp": {"expose_app_in_browser": True, "news_url": None},
        }
        (home / "config.json").write_text(json.dumps(config), encoding="utf-8")
        own = {"HOME": str(home), "USER": user, "LOGNAME": user, "LANG": "C.UTF-8"} | built_here(home)
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                slurm.inside([sys.executable, "-m", "jupyterlab", f"--config={home / 'config.json'}"]),
                env={**slurm.environment, **own, **environment},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **who,
            )
        running.append(Jupyter(f"http://127.0.0.1:{port}", token, home / "log", process))
        wait_until(lambda: answers(running[-1]), seconds=120, otherwise=(home / "log").read_text)
        return running[-1]

    yield start
    for jupyter in running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(jupyter.process.pid, signal.SIGTERM)
        jupyter.process.wait(60)


def built_here(home: Path) -> dict[str, str]:
    """What lets a server find the code of this clone where it is not installed but built in place."""
    found = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    built = Path(__file__).parents[1] / "labextension" / "dist"
    if (built / "package.json").exists():
        place = home / "share" / "labextensions" / "@beamside"
        place.mkdir(parents=True)
        (place / "lab").symlink_to(built)
        found["JUPYTER_PATH"] = str(home / "share")
    return found


def answers(jupyter: Jupyter) -> bool:
    """Whether the server serves; a server that ended is an error at once."""
    assert jupyter.process.poll() is None, jupyter.log.read_text()
    try:
        return httpx.get(f"{jupyter.url}/api/status?token={jupyter.token}", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real scans; tests that use it carry the mark `real_data`."""
    return Path(os.environ[DATA_VARIABLE])


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is alike for everybody; skip what needs two uids without root, and real scans without them."""
    for item in items:
        if item.path.relative_to(Path(__file__).parent).as_posix().startswith(ALIKE):
            item.add_marker(pytest.mark.alike)
        if item.get_closest_marker("needs_root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
        if item.get_closest_marker("real_data") and not os.environ.get(DATA_VARIABLE):
            item.add_marker(pytest.mark.skip(reason=f"needs real data: {DATA_VARIABLE} is not set"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFolder:
    """How `--dist loadscope` shares the tests out."""
    return ByFolder(config, log)


@pytest.hookimpl(trylast=True)  # after the test's own fixtures
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Give each folder of tests a Slurm of its own, in whatever order they come."""
    end_with_folder(item, nextitem)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which more than a few tests passed only at the second try."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and len(tried_again(reporter)) > SECOND_TRIES and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def tried_again(reporter: pytest.TerminalReporter) -> dict[str, str]:
    """The tests that failed once and were tried again, and how they failed."""
    return {report.nodeid: report.longreprtext for report in reporter.stats.get("rerun", [])}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every test that was tried again, or not run for want of root or of real data."""
    if again := tried_again(terminalreporter):
        count = f"{len(again)}; more than {SECOND_TRIES} fail the run"
        terminalreporter.section(f"TRIED A SECOND TIME: {count}", red=True)
        for nodeid, failure in again.items():
            terminalreporter.write_line(f"{nodeid}\n{failure}")
    skipped = terminalreporter.stats.get("skipped", [])
    rootless = [report.nodeid for report in skipped if "needs root" in str(report.longrepr)]
    if rootless:
        terminalreporter.write_line(f"needs root: {len(rootless)}", yellow=True)
        for nodeid in rootless:
            terminalreporter.write_line(f"  {nodeid}")
    if not os.environ.get(DATA_VARIABLE):
        count = sum("needs real data" in str(report.longrepr) for report in skipped)
        terminalreporter.write_line(
            f"REAL DATA NOT TESTED: {DATA_VARIABLE} is not set ({count} tests skipped)", yellow=True, bold=True
        )
