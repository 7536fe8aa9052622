"""The command against the demonstration: a person of it signs in with nothing but the key that lies at home."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.whole.conftest import Demo

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def status(demo: Demo) -> dict[str, Any]:
    """What the demonstration tells of itself."""
    return demo.status()


def beamside(user: dict[str, Any], *words: str) -> Any:
    """What the command says to this person, as JSON; without root the key is named, as `status` says."""
    is_root = os.geteuid() == 0
    home = pwd.getpwnam(user["account"]).pw_dir
    named = {} if is_root else {"BEAMSIDE_KEY": user["api_client"]["key_file"]}
    done = subprocess.run(
        [sys.executable, "-m", "beamside", *words, "--json"],
        env={"HOME": home, "PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"} | named,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **({"user": user["account"], "extra_groups": []} if is_root else {}),
    )
    assert 0 == done.returncode, done.stderr
    return json.loads(done.stdout)


def test_everybody_with_an_account_can_use_the_command(status: dict[str, Any]) -> None:
    """At once after `up`; each is who the key says."""
    for user in status["users"]:
        if user["account"]:
            assert user["account"] == beamside(user, "whoami")["user"]


def test_the_command_does_what_a_pipeline_needs(status: dict[str, Any]) -> None:
    """Reservations, tiers and jobs with the same key."""
    ana = status["users"][0]
    found = [one["name"] for one in beamside(ana, "reservations")["reservations"]]

    assert "ncem-tonight" in found
    assert {"community", "archive"} <= {tier["name"] for tier in beamside(ana, "transfer", "tiers")}
    assert isinstance(beamside(ana, "jobs")["jobs"], list)


@pytest.mark.needs_root
def test_a_key_is_its_owners_alone(status: dict[str, Any]) -> None:
    """0600, in closed folders."""
    for user in status["users"]:
        about = Path(pwd.getpwnam(user["account"]).pw_dir, ".config/beamside/key.json").stat()
        assert (0o100600, user["account"]) == (about.st_mode, pwd.getpwuid(about.st_uid).pw_name)
