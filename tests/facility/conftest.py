"""What the facility's tests share: recorded answers, made-up jobs, and one site over the real Slurm."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from beamside.demo.slurm.cluster import SlurmCluster
from facility.models import Job, JobState
from facility.profile import Commands, Profile, read_profile
from facility.providers.slurm.text import Marks
from facility.service.as_user.helper import CLOSED_ACCOUNTS
from facility.service.as_user.libexec import install
from facility.service.as_user.worker.run import VERBS
from facility.testing.postgresql import PostgreSQL, find_postgresql, postgresql

DATA = Path(__file__).parent / "data"
MARKS = Marks("s0123456789abcdef", "f0123456789abcdef", "e0123456789abcdef")
"""The marks with which the recorded answers were asked for."""


@pytest.fixture
def recorded() -> Callable[[str], bytes]:
    """Real output of Slurm's commands by its file's name, which holds Slurm's version."""
    return lambda name: (DATA / name).read_bytes()


@pytest.fixture
def marks() -> Marks:
    """The marks of the recorded answers."""
    return MARKS


@pytest.fixture
def make_job() -> Callable[..., Job]:
    """A running job of ana's, with what a test wants to be different."""

    def make(id_: str = "7", **different: object) -> Job:
        facts = {"user": "ana", "name": "lab", "state": JobState.RUNNING, "submitted": datetime(2026, 1, 1, tzinfo=UTC)}
        facts |= different
        return Job(id=id_, state_word=str(facts["state"]), **facts)  # type: ignore[arg-type]  # a test's own values

    return make


@pytest.fixture(scope="session")
def a_postgresql() -> Iterator[PostgreSQL]:
    """A real PostgreSQL server for the whole run."""
    prefix = os.environ.get("BEAMSIDE_DEMO_PREFIX")
    programs = find_postgresql(Path(prefix) if prefix else None)
    if programs is None:
        pytest.skip("needs PostgreSQL: Debian's package postgresql is not here")
    # not in pytest's own folder: its path is too long for a socket's, and closed to the user that runs the server
    with postgresql(programs, Path(tempfile.mkdtemp(prefix="beamside-pg-"))) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: each test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.sqlite3'}"
    server: PostgreSQL = request.getfixturevalue("a_postgresql")
    return server.new_database()


@dataclass(frozen=True)
class RealSite:
    """A profile over the real Slurm, with the root helper where there is root; and who may be whom."""

    profile: Profile
    ana: str
    ben: str
    kim: str
    folder: Path  # readable by everybody


@pytest.fixture(scope="session")
def real_site(slurm: SlurmCluster) -> Iterator[RealSite]:
    """The facts of the real Slurm as a site would write them down."""
    with site_over(slurm) as site:
        yield site


@contextmanager
def site_over(slurm: SlurmCluster) -> Iterator[RealSite]:
    """The facts of a Slurm as a site would write them down; where there is root, with the root helper."""
    folder = Path(tempfile.mkdtemp(prefix="facility-tests-", dir=slurm.directory.parent))
    folder.chmod(0o755)
    commands = {name: slurm.packages.command(name) for name in Commands.model_fields}
    text = f"""
    name = "Tests"
    [service]
    url = "http://127.0.0.1:8400"
    client_ids = ["hub"]
    [systems.tests]
    title = "Tests"
    slurm_conf = "{slurm.environment["SLURM_CONF"]}"
    [systems.tests.commands]
    {"".join(f"{name} = {json.dumps(path)}{chr(10)}" for name, path in commands.items())}
    """
    people = slurm.people
    if os.geteuid() == 0:
        environment = {name: slurm.environment[name] for name in ("PATH", "SLURM_CONF")}
        helper = install_helper(folder / "libexec", people.group, environment, commands)
        text += f'[as_user]\nhelper = ["{helper}"]\ngroup = "{people.group}"\n'
    yield RealSite(read_profile(text), people.ana, people.ben or "", people.kim or "", folder)
    shutil.rmtree(folder)


def install_helper(
    folder: Path, group: str, environment: dict[str, str], commands: dict[str, str], **different: object
) -> Path:
    """The root helper as an administrator would install it, with what a test wants its configuration to say else."""
    helper = install(folder)
    spent = folder / "spent"
    spent.mkdir(mode=0o700)
    configuration = {
        "group": group,
        "min_uid": 1000,
        "refused_users": [],
        "callers": {"root": {"verbs": [*VERBS, CLOSED_ACCOUNTS], "grants": False}},  # who calls without sudo
        "grant_key": str(folder / "grant.key"),
        "spent": str(spent),
        "commands": {name: commands[name] for name in ("sbatch", "scancel", "scontrol", "rclone") if name in commands},
        "environment": environment,
        "roots": [],
        "shell": False,
        "audit_log": str(folder / "audit.log"),
    }
    (folder / "as-user.json").write_text(json.dumps(configuration | different), encoding="utf-8")
    return helper
