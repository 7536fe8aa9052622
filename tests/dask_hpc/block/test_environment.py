"""A packed environment on one node: the process that keeps it there, without Slurm."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beamside.demo.processes import wait_until

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the environment comes."""
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk" / "environment"


@pytest.fixture
def start(place: Path) -> Iterator[Start]:
    """Begin to keep an environment of an archive of so many bytes."""
    begun = []

    def keep(size: int = 0, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        argv = (*before, sys.executable, "-m", "dask_hpc.block.environment", str(place), str(size))
        around = {**os.environ, "SLURMD_NODENAME": "nid001"}
        begun.append(subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=around))
        return begun[-1]

    yield keep
    for one in begun:
        one.kill()
        one.communicate()


def told(keeper: subprocess.Popen[str]) -> dict[str, str]:
    """The next thing that it tells."""
    assert keeper.stdout is not None
    found: dict[str, str] = json.loads(keeper.stdout.readline())
    return found


def go_on(keeper: subprocess.Popen[str]) -> None:
    """Say that all nodes have done what is done."""
    assert keeper.stdin is not None
    keeper.stdin.write("go on\n")
    keeper.stdin.flush()


def archive(tmp_path: Path, python: Path) -> Path:
    """An archive with this Python in its place."""
    (tmp_path / "tree" / "bin").mkdir(parents=True)
    (tmp_path / "tree" / "bin" / "python3").symlink_to(python)
    made = tmp_path / "made.tar.gz"
    subprocess.run(["tar", "-czf", str(made), "-C", str(tmp_path / "tree"), "."], check=True)
    return made


def have(tmp_path: Path, place: Path, keeper: subprocess.Popen[str]) -> None:
    """Bring it the archive of a `sleep`, and let it unpack that."""
    told(keeper)
    shutil.copy(archive(tmp_path, Path("/bin/sleep")), place / ".archive")
    go_on(keeper)
    assert told(keeper)["done"] == "unpacked"
    go_on(keeper)


def test_the_end_of_its_input_ends_all(tmp_path: Path, place: Path, start: Start) -> None:
    """It is there and private until then, without its archive."""
    keeper = start()
    have(tmp_path, place, keeper)
    wait_until(lambda: not (place / ".archive").exists(), seconds=20, otherwise=lambda: "the archive stays")
    modes = [oct(path.stat().st_mode & 0o777) for path in (place, place / "nid001" / "bin" / "python3")]
    keeper.communicate()

    assert (["0o700", "0o755"], 0, False) == (modes, keeper.returncode, place.exists())


def test_it_stays_as_long_as_ranks_that_were_told_to_end(tmp_path: Path, place: Path, start: Start) -> None:
    """A job that is preempted with a grace time goes on; then nothing stays, whatever the agent does."""
    keeper = start()
    have(tmp_path, place, keeper)
    rank = subprocess.Popen([str(place / "nid001" / "bin" / "python3"), "1"])
    keeper.terminate()
    rank.wait()
    was_there = place.exists()
    status = keeper.wait(20)

    assert (True, 0, False) == (was_there, status, place.exists())


def test_an_archive_larger_than_the_disk_does_not_come(place: Path, start: Start) -> None:
    """The message tells how much room there is and is needed, and where another place is named."""
    keeper = start(size=2**60)
    words = told(keeper)["failed"]

    assert (1, False) == (keeper.wait(20), place.exists())
    assert f"{place.parent} has " in words
    assert f"needs at least {2**41} MiB; set TMPDIR to a directory of the node's own" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_fills_up_is_told(tmp_path: Path, place: Path, start: Start) -> None:
    """What is in an archive may be much larger than the archive."""
    (tmp_path / "zeros").write_bytes(bytes(2**22))
    subprocess.run(["tar", "-czf", "made", "zeros"], cwd=tmp_path, check=True)
    mount = 'mount -t tmpfs -o size=1m tmpfs "$1" && shift && exec "$@"'
    keeper = start(before=("unshare", "--mount", "sh", "-c", mount, "sh", str(place.parent)))
    told(keeper)
    inside = Path(f"/proc/{keeper.pid}/root") / place.relative_to("/")
    shutil.copy(tmp_path / "made", inside / ".archive")
    go_on(keeper)

    words = told(keeper)["failed"]
    assert words.startswith(f"{place.parent} is full: tar: ")
    assert words.endswith("set TMPDIR to a directory of the node's own that has more room, before the cluster is made")


def test_a_directory_of_somebody_elses_is_not_used(place: Path, start: Start) -> None:
    """Others could change what lies in it."""
    place.mkdir(mode=0o700)
    place.chmod(0o777)

    assert "is somebody else's" in told(start())["failed"]
