"""The command `beamside`: what it says and the exit status it ends with, where nothing is up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from beamside.command import VERBS, main


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """Who types --help learns what there is."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    said = capsys.readouterr().out
    assert 0 == ended.value.code
    assert all(verb in said for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_of_its_own(verb: str) -> None:
    """Help of a verb neither starts nor changes anything."""
    asked = [sys.executable, "-m", "beamside", verb, "--help"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)

    assert (0, True) == (done.returncode, done.stdout.startswith(f"usage: beamside {verb}"))


def test_help_loads_no_numeric_library_and_no_web_framework() -> None:
    """The command answers at once; what a verb needs is imported when it runs."""
    program = "import sys, beamside.command, beamside.demo.command, beamside.serve; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert {"numpy", "dask", "fastapi", "playwright", "jupyterhub"}.isdisjoint(loaded)


def test_status_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing up is an answer, in words and in JSON, and exit status 1."""
    assert 1 == main(["demo", "status", f"--prefix={tmp_path}"])
    assert f"nothing is up below {tmp_path}" in capsys.readouterr().out
    assert 1 == main(["demo", "status", "--json", f"--prefix={tmp_path}"])
    assert {"up": False, "prefix": str(tmp_path)} == json.loads(capsys.readouterr().out)


def test_down_of_nothing_is_no_error(tmp_path: Path) -> None:
    """A prefix that was never used can be taken down."""
    assert 0 == main(["demo", "down", f"--prefix={tmp_path / 'never'}"])
