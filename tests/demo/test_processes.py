"""Processes that are known again after a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from beamside.demo import processes
from beamside.demo.errors import DemoError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with room for logs and records."""
    (tmp_path / "run").mkdir()
    (tmp_path / "log").mkdir()
    return tmp_path


def test_started_process_is_recorded_marked_and_ended(place: Path) -> None:
    """A record and a mark name the same process, and neither is left once it ended."""
    record = processes.start(place, "sleeper", ["sleep", "600"], environment={"PATH": os.environ["PATH"]})

    assert processes.recorded(place, "sleeper") == record
    # the mark is seen once exec is through
    processes.wait_until(lambda: processes.marked(place) == {record.pid}, seconds=60, otherwise=lambda: "no mark")
    processes.end([record.pid])
    assert (processes.recorded(place, "sleeper"), processes.marked(place)) == (None, set())


def test_another_process_with_the_same_pid_is_not_taken_for_ours(place: Path) -> None:
    """Pids are given out again; the start time tells them apart."""
    started = processes.start_time(os.getpid())
    assert started is not None

    assert processes.Record(os.getpid(), started).is_running
    assert not processes.Record(os.getpid(), started - 1).is_running


def test_zombie_does_not_count_as_running() -> None:
    """Who has ended and was not waited for has no start time."""
    with subprocess.Popen(["true"]) as child:
        processes.wait_until(
            lambda: processes.start_time(child.pid) is None, seconds=60, otherwise=lambda: "still running"
        )


def test_process_that_ignores_the_polite_end_is_killed(place: Path) -> None:
    """`end` returns when it is over, one way or the other."""
    stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"]
    record = processes.start(place, "stubborn", stubborn, environment={"PATH": os.environ["PATH"]})
    log = place / "log" / "stubborn.out"
    processes.wait_until(lambda: log.read_text() == "ready\n", seconds=60, otherwise=lambda: "not ready")
    processes.end([record.pid], seconds=0.2)

    assert not record.is_running


def test_failed_command_is_told_in_its_own_words() -> None:
    """What a command said on its way out is in the message."""
    with pytest.raises(DemoError, match=r"ls .*No such file"):
        processes.run(["ls", "/no/such/folder"], environment={"PATH": os.environ["PATH"], "LC_ALL": "C"})


def test_process_lives_while_any_of_its_threads_does(place: Path) -> None:
    """A killed daemon holds its port until its last thread is gone, so it does not count as ended before."""
    program = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start()"
    leave = f"ctypes.CDLL(None).syscall({60 if os.uname().machine == 'x86_64' else 93}, 0)"  # _exit(2) of one thread
    record = processes.start(
        place, "threads", [sys.executable, "-c", f"{program}; {leave}"], environment={"PATH": os.environ["PATH"]}
    )

    def state() -> str:
        return Path(f"/proc/{record.pid}/stat").read_text().rpartition(") ")[2][0]

    processes.wait_until(lambda: state() == "Z", seconds=60, otherwise=lambda: f"the main thread is {state()}")
    assert record.is_running
    processes.end([record.pid])
    assert not record.is_running
