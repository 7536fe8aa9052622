"""Which source a server's environment gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from server_ext.board import JobBoard
from server_ext.choose import NOTHING_HERE, choose_source
from server_ext.room import session_job_id

PROFILE = """
name = "demo"
[service]
url = "http://127.0.0.1:9"
[systems.demo]
title = "Demo"
"""


def name_of(environment: dict[str, str]) -> str:
    """What `environment` chooses."""
    return choose_source(environment, JobBoard(lambda delta: None), 10.0).name


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def profile(folder: Path, text: str = PROFILE) -> str:
    """The path of a facility.toml with `text`."""
    path = folder / "facility.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_hub_with_a_profile_means_the_facility_service(tmp_path: Path) -> None:
    """Behind a hub of ours, the service tells of the jobs."""
    hub = {"JUPYTERHUB_API_URL": "http://hub/hub/api", "JUPYTERHUB_API_TOKEN": "secret"}

    assert name_of({**hub, "BEAMSIDE_PROFILE": profile(tmp_path)}) == "facility"


def test_without_a_hub_slurms_own_commands_are_used(commands: Path) -> None:
    """On a login node, squeue tells of one's own jobs."""
    squeue = commands / "squeue"
    squeue.touch(mode=0o755)

    assert name_of({}) == "slurm"


async def test_a_laptop_without_anything_explains_itself(commands: Path) -> None:
    """No Slurm and no service is said, with the next step; it is no empty list."""
    board = JobBoard(lambda delta: None)
    source = choose_source({}, board, 10.0)

    await source.look()

    assert (source.name, board.jobs, board.knowledge.problem) == ("none", None, NOTHING_HERE)


async def test_a_wrong_profile_is_said_and_not_passed_over(tmp_path: Path) -> None:
    """A key that nobody knows is named, although Slurm's commands may be there."""
    board = JobBoard(lambda delta: None)
    source = choose_source({"BEAMSIDE_PROFILE": profile(tmp_path, PROFILE + "colour = 1\n")}, board, 10.0)

    await source.look()

    assert source.name == "none"
    assert board.knowledge.problem and "colour" in board.knowledge.problem.what


@pytest.mark.parametrize(
    ("environment", "job_id"),
    [({"BEAMSIDE_JOB_ID": "7", "SLURM_JOB_ID": "8"}, "7"), ({"SLURM_JOB_ID": "8"}, "8"), ({}, "")],
)
def test_the_session_is_the_job_the_hub_told_of(environment: dict[str, str], job_id: str) -> None:
    """The hub's word counts before Slurm's own variable; outside a job there is none."""
    assert job_id == session_job_id(environment)
