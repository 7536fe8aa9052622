"""Processes of the demonstration: started with a mark and a record, found again after any crash, ended.

A record holds pid and start time, so that a number the kernel has given to somebody else is never taken for ours.
The mark, an environment variable naming the directory, finds a process whose record was never written.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from beamside.demo.errors import DemoError

MARK = "BEAMSIDE_DEMO_DIRECTORY"
"""Set in the environment of every process that the demonstration starts, to the directory it belongs to."""

_children: list[subprocess.Popen[bytes]] = []
"""What this process started and has not yet seen end."""


@dataclass(frozen=True)
class Record:
    """One process that was started: its pid, and when it started in clock ticks since boot (proc(5), stat field 22)."""

    pid: int
    started: int

    @property
    def is_running(self) -> bool:
        """Whether this very process lives; a zombie, or a later process of the same pid, does not count."""
        return start_time(self.pid) == self.started


def start_time(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None where it does not exist or is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(") ")[2].split()  # the name before it may hold blanks and brackets
    state, threads, started = fields[0], int(fields[17]), int(fields[19])
    return None if state in "ZX" and threads <= 1 else started  # its other threads may still hold files and ports


def all_pids() -> list[int]:
    """Every process that /proc shows."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def environment_of(pid: int) -> dict[str, str]:
    """The environment `pid` was started with; empty where it may not be read or the process is gone."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition("=") for entry in raw.decode(errors="surrogateescape").split("\0"))
    return {name: value for name, sign, value in pairs if sign}


def start(
    directory: Path,
    name: str,
    argv: Sequence[str],
    *,
    user: str | None = None,
    environment: Mapping[str, str],
    umask: int = 0o022,
) -> Record:
    """Start a daemon in a session of its own and record it as `run/NAME.json`; its words go to `log/NAME.out`.

    `user` is who it runs as, None for the caller. The environment is exactly the given one plus the mark.
    """
    with (directory / "log" / f"{name}.out").open("ab") as out:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**environment, MARK: str(directory)},
            start_new_session=True,
            cwd="/",
            umask=umask,
            **_identity(user),
        )
    _children.append(process)
    record = Record(process.pid, start_time(process.pid) or 0)
    path = directory / "run" / f"{name}.json"
    path.write_text(json.dumps(asdict(record)), encoding="utf-8")
    return record


def recorded(directory: Path, name: str) -> Record | None:
    """The running process that was recorded under `name`, None where there is none."""
    try:
        record = Record(**json.loads((directory / "run" / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if record.is_running else None


def marked(directory: Path) -> set[int]:
    """Every process that carries the mark of `directory`."""
    return {pid for pid in all_pids() if environment_of(pid).get(MARK) == str(directory)}


def _reap() -> None:
    """Collect our own ended children, so that no zombie of a daemon stays while this process lives."""
    _children[:] = [child for child in _children if child.poll() is None]


def run(
    argv: Sequence[str],
    *,
    user: str | None = None,
    environment: Mapping[str, str],
    words: str = "",
    seconds: float = 60.0,
) -> str:
    """Run a command to its end, as `user` where this is root, and return what it printed.

    Raises DemoError with the command's own words when it fails or does not end in time.
    """
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            argv,
            input=words,
            capture_output=True,
            text=True,
            env=environment,
            cwd="/",
            timeout=seconds,
            check=False,
            **_identity(user),
        )
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"{' '.join(argv)} did not end within {seconds:.0f} s") from error
    if done.returncode != 0:
        raise DemoError(f"{' '.join(argv)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def _identity(user: str | None) -> dict[str, Any]:
    """What makes subprocess start something as `user` with all of that user's groups; nothing without root."""
    if user is None or os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(user)
    groups = os.getgrouplist(user, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def wait_until(
    condition: Callable[[], bool], *, seconds: float, otherwise: Callable[[], str], pause: float = 0.02
) -> None:
    """Wait for a condition; raise DemoError with the words of `otherwise` when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            raise DemoError(otherwise())
        time.sleep(pause)


def end(pids: Iterable[int], *, seconds: float = 10.0) -> None:
    """Ask processes to end, wait, and kill those that did not."""
    alive = {pid: started for pid in pids if (started := start_time(pid)) is not None and pid != os.getpid()}

    def still() -> list[int]:
        return [pid for pid, started in alive.items() if start_time(pid) == started]

    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 10.0)):
        for pid in still():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        deadline = time.monotonic() + patience
        while still() and time.monotonic() < deadline:
            time.sleep(0.02)
    left = still()
    _reap()
    if left:
        raise DemoError(f"processes {left} did not end even when killed; they may be waiting for a disk")
