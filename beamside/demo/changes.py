"""Changes to the machine: each is written down before it is made, and `undo` takes back exactly those.

The journal is one JSON file. A crash between writing and making leaves an entry whose undoing finds nothing to do,
because every undo first looks whether the change is there and is ours.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from beamside.demo import processes
from beamside.demo.errors import DemoError

HOSTS = Path("/etc/hosts")
LOOPBACK_ROUTE = "local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1".split()  # noqa: SIM905 - as ip-route(8) shows it

OTHER_NAMES = "choose another name for all that it makes: `make demo ARGS=--user-prefix=demo-`"
"""The remedy where a name is somebody else's already."""

LOCK_PATIENCE = 20.0
"""Seconds to wait for whoever changes the account files at the same time."""


@dataclass(frozen=True)
class Change:
    """One change: what kind, and what was changed."""

    kind: str  # user, group, hosts, quickack, file
    what: str  # the user, the group, the text added to /etc/hosts, the path


class Changes:
    """The journal of one demonstration's changes to the machine, kept in `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[Change]:
        """What was changed, or was about to be, oldest first."""
        try:
            return [Change(**entry) for entry in json.loads(self.path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []

    def add_group(self, name: str) -> None:
        """Make a system group. One that exists and is not ours is refused: it may have members."""
        change = Change("group", name)
        if _exists(grp.getgrnam, name):
            if change not in self.all():
                raise DemoError(f"the group {name} exists already and may have members; {OTHER_NAMES}")
            return
        self._note(change)
        _run(["groupadd", "--system", name])

    def add_user(self, name: str, *, groups: Sequence[str] = (), system: bool = False) -> None:
        """Make a user: with a 0700 home and a shell, or a system user with neither.

        An account or home directory that was there before is never used, changed or deleted: it is refused.
        """
        change = Change("user", name)
        if _exists(pwd.getpwnam, name):
            if change not in self.all() or pwd.getpwnam(name).pw_gecos != self._gecos:
                raise DemoError(f"the account {name} exists already and is not the demonstration's; {OTHER_NAMES}")
            return
        if not system and Path("/home", name).exists():
            raise DemoError(f"/home/{name} exists already without an account; move it away, or {OTHER_NAMES}")
        self._note(change)
        kind = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        person = ["--create-home", "--shell", "/bin/bash", "--key", "HOME_MODE=0700"]
        # useradd would sort the lines that others put into /etc/subuid and /etc/subgid, which down could not undo
        person += ["--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0"]
        member = ["--groups", ",".join(groups)] if groups else []
        _run(["useradd", *(kind if system else person), *member, "--user-group", "--comment", self._gecos, name])

    def add_hosts(self, names: Sequence[str]) -> None:
        """Map host names to 127.0.0.1 by one line of /etc/hosts."""
        line = f"127.0.0.1 {' '.join(names)} # beamside {self.path}\n"
        text = HOSTS.read_text(encoding="utf-8")
        if line in text:
            return
        for entry in text.splitlines():
            address, *known = entry.partition("#")[0].split() or [""]
            if address not in ("", "127.0.0.1") and set(known) & set(names):
                raise DemoError(f"/etc/hosts maps some of {', '.join(names)} to {address}; remove that line first")
        added = line if not text or text.endswith("\n") else "\n" + line
        self._note(Change("hosts", added))
        with HOSTS.open("a", encoding="utf-8") as file:  # often a bind mount: never renamed over
            file.write(added)

    def add_quickack(self) -> bool:
        """Let 127.0.0.1 acknowledge at once: slurmdbd writes length and body apart, 40 ms each time without this.

        False where the machine does not let us; then accounting is slower and nothing else changes.
        """
        if "quickack" in _route():
            return True  # somebody else's, or ours from before
        self._note(Change("quickack", "127.0.0.1"))
        command = ["ip", "route", "change", *LOOPBACK_ROUTE, "quickack", "1"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def add_file(self, path: Path, content: bytes, mode: int) -> None:
        """Put a file where none was, e.g. a rule in /etc/sudoers.d."""
        change = Change("file", str(path))
        if path.exists() and change not in self.all():
            raise DemoError(f"{path} exists already and is not the demonstration's; move it away first")
        self._note(change)
        new = path.with_name(f".{path.name}.new")  # sudo skips names with a dot
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(content)
        new.chmod(mode)
        new.replace(path)

    def undo(self) -> None:
        """Take every change back, latest first, and forget each as soon as it is undone."""
        while changes := self.all():
            change = changes[-1]
            {
                "user": self._remove_user,
                "group": _remove_group,
                "hosts": _remove_hosts,
                "quickack": _remove_quickack,
                "file": _remove_file,
            }[change.kind](change.what)
            self._write(changes[:-1])
        self.path.unlink(missing_ok=True)

    @property
    def _gecos(self) -> str:
        """What marks an account as this demonstration's; a colon or comma may not stand in the field."""
        return f"beamside {self.path}".replace(":", "_").replace(",", "_")

    def _note(self, change: Change) -> None:
        known = self.all()
        if change not in known:
            self._write([*known, change])

    def _write(self, changes: list[Change]) -> None:
        new = self.path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump([asdict(change) for change in changes], file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def _remove_user(self, name: str) -> None:
        """Remove an account with its home, its processes and its files in /tmp; one without our mark is left alone."""
        if not _exists(pwd.getpwnam, name) or pwd.getpwnam(name).pw_gecos != self._gecos:
            return
        account = pwd.getpwnam(name)
        processes.end(_processes_of(account.pw_uid), seconds=2.0)
        _remove_shared_memory(account.pw_uid)
        _remove_left_behind(account.pw_uid)
        made_home = Path(account.pw_dir) == Path("/home", name)
        _run(["userdel", *(["--remove"] if made_home else []), name])


def _exists(lookup: object, name: str) -> bool:
    try:
        lookup(name)  # type: ignore[operator]  # getpwnam or getgrnam
    except KeyError:
        return False
    return True


def _run(argv: list[str]) -> None:
    """Run a command; while somebody else holds the account files locked, run it again."""
    end = time.monotonic() + LOCK_PATIENCE
    while True:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        if "cannot lock" not in done.stderr or time.monotonic() > end:
            raise DemoError(f"{' '.join(argv)} failed: {done.stderr.strip() or done.stdout.strip()}")
        time.sleep(0.2)


def _processes_of(uid: int) -> list[int]:
    found = []
    for pid in processes.all_pids():
        try:
            if Path(f"/proc/{pid}").stat().st_uid == uid:
                found.append(pid)
        except FileNotFoundError:
            continue
    return found


def _remove_left_behind(uid: int) -> None:
    """Remove what an account leaves in the world-writable directories; its number may be given out again."""
    for place in (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm")):  # noqa: S108 - cleaned, not used
        for entry in place.iterdir() if place.is_dir() else ():
            try:
                if entry.lstat().st_uid != uid:
                    continue
            except FileNotFoundError:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


def _remove_shared_memory(uid: int) -> None:
    """Remove System V shared memory of an account's killed MPI ranks, which no process's end does."""
    segments = Path("/proc/sysvipc/shm")
    for line in segments.read_text(encoding="utf-8").splitlines()[1:] if segments.exists() else ():
        fields = line.split()
        if int(fields[7]) == uid:
            subprocess.run(["ipcrm", "--shmem-id", fields[1]], capture_output=True, check=False)


def _remove_group(name: str) -> None:
    if _exists(grp.getgrnam, name):
        _run(["groupdel", name])


def _remove_hosts(added: str) -> None:
    text = HOSTS.read_text(encoding="utf-8")
    if added in text:
        HOSTS.write_text(text.replace(added, "", 1), encoding="utf-8")


def _route() -> str:
    command = ["ip", "route", "show", "table", "local", "127.0.0.1"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _remove_quickack(_: str) -> None:
    if "quickack" in _route():
        _run(["ip", "route", "change", *LOOPBACK_ROUTE])


def _remove_file(path: str) -> None:
    Path(path).unlink(missing_ok=True)
    Path(path).with_name(f".{Path(path).name}.new").unlink(missing_ok=True)
