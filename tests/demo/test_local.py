"""The demonstration on a machine without Slurm, whose programs are hidden from it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from beamside.command import main
from beamside.demo import packages, processes
from beamside.demo.local import OFF, RANKS


@pytest.fixture(autouse=True)
def _no_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system whose folders of programs hold nothing, and a home in which nothing may appear."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setattr(packages, "SYSTEM_PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


def demo(tmp_path: Path, *arguments: str) -> int:
    """`beamside demo ...` below a prefix of its own; returns the exit status."""
    return main(["demo", *arguments, "--prefix", str(tmp_path / "prefix"), "--output", str(tmp_path / "tour")])


def test_notebooks_run_and_the_rest_is_said_to_be_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Disks are found within a quarter pixel, a second kernel joins, and what is off is told with the remedy."""
    assert demo(tmp_path) == 0

    told = capsys.readouterr().out
    tour = json.loads((tmp_path / "tour" / "tour.json").read_text(encoding="utf-8"))
    _placed, disks, joined, _gone = (step["facts"] for step in tour["steps"])
    assert all(name in told for name, _ in OFF)
    assert "slurmctld" in told and "scripts/bootstrap.sh" in told
    assert ("none", True, True) == (tour["scheduler"], tour["all_held"], tour["synthetic"])
    assert disks["disks"] > 1000 and disks["rms_error_px"] < 0.25
    assert (disks["scheduler"], RANKS) == (joined["scheduler"], joined["ranks"])
    for name in ("bragg-disks.png", "bragg-map.png", "strain-map.png", "join-cluster.png"):
        assert (tmp_path / "tour" / name).stat().st_size > 10_000
    assert_nothing_stays(tmp_path)


def test_tour_that_fails_says_so_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A scan that is none ends the tour with its name and status 1."""
    broken = tmp_path / "broken.h5"
    broken.write_bytes(b"no scan")

    assert demo(tmp_path, "tour", "--scan", str(broken)) == 1
    assert "broken.h5 cannot be toured" in capsys.readouterr().out
    assert_nothing_stays(tmp_path)


@pytest.mark.real_data
def test_real_scan_is_taken(tmp_path: Path, real_data: Path) -> None:
    """With --scan the disks are those of the file, and nothing claims to be synthetic."""
    assert demo(tmp_path, "tour", "--scan", str(real_data / "sped-2x3x144.blo")) == 0

    tour = json.loads((tmp_path / "tour" / "tour.json").read_text(encoding="utf-8"))
    assert (False, 6) == (tour["synthetic"], tour["steps"][1]["facts"]["patterns"])
    assert_nothing_stays(tmp_path)


def test_up_names_what_is_missing_and_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A facility cannot be brought up without a scheduler; nothing is begun."""
    assert demo(tmp_path, "up") == 1

    words = capsys.readouterr().err
    assert "no Slurm here" in words and "slurmctld" in words and "scripts/bootstrap.sh" in words
    assert not (tmp_path / "prefix").exists()


@pytest.mark.parametrize("script", ["install-packages.sh", "unpack-packages.sh"])
def test_installing_goes_on_where_there_is_no_apt_get(script: str, tmp_path: Path) -> None:
    """A system that is no Debian is told what it lacks and what is off for it; its Python is looked at next."""
    for name in ("awk", "bash", "cat", "date", "dirname", "id", "sha256sum", "uname"):
        (tmp_path / "empty" / name).symlink_to(shutil.which(name) or name)
    environment = {"PATH": str(tmp_path / "empty"), "BEAMSIDE_DEMO_PREFIX": str(tmp_path / "prefix")}
    path = Path(__file__).parents[2] / "scripts" / script

    done = subprocess.run(["bash", path], env=environment, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert "sbatch" in done.stdout and "runs its notebook part only" in done.stdout


def assert_nothing_stays(tmp_path: Path) -> None:
    """No process, nothing in the user's home, and of the scan and the kernels' home nothing."""
    folder = tmp_path / "tour" / "local"
    assert set() == processes.marked(folder)
    assert [] == list((tmp_path / "home").iterdir())
    assert not (folder / "home").exists() and not list(folder.glob("scan.*"))
