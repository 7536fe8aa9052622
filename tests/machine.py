"""What a demonstration may change on the machine, as it stands now, to be compared with how it stood before."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path

ACCOUNTS = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")


def machine(own: Path) -> dict[str, list[str]]:
    """Account files, hosts, sudo's rules, homes and the loopback route, byte for byte.

    What other demonstrations, told by their mark, change meanwhile is left out; those below `own` count. An ordinary
    user can change nothing of it, and others may at any time: then it is what names `own`.
    """
    if os.geteuid() != 0:
        files = (Path("/etc", name) for name in (*ACCOUNTS, "hosts"))
        return {file.name: [line for line in _lines(file) if str(own) in line] for file in files}
    strangers = _strangers(own)

    def is_mine(text: str) -> bool:
        return "beamside" not in text or str(own) in text

    found = {
        name: [line for line in _lines(Path("/etc", name)) if line.partition(":")[0] not in strangers]
        for name in ACCOUNTS
    }
    found["hosts"] = [line for line in _lines(Path("/etc/hosts")) if is_mine(line)]
    found["sudoers.d"] = sorted(path.name for path in Path("/etc/sudoers.d").iterdir() if is_mine(path.read_text()))
    found["homes"] = sorted({path.name for path in Path("/home").iterdir()} - strangers)
    route = ["ip", "route", "show", "table", "local", "127.0.0.1"]
    found["route"] = subprocess.run(route, capture_output=True, text=True, check=False).stdout.splitlines()
    return found


def _lines(path: Path) -> list[str]:
    """A file's lines with their ends; none where it may not be read."""
    return path.read_text().splitlines(keepends=True) if os.access(path, os.R_OK) else []


def _strangers(own: Path) -> set[str]:
    """Users of other demonstrations, and the groups that only they are in."""
    marked = [user for user in pwd.getpwall() if user.pw_gecos.startswith("beamside ")]
    users = [user for user in marked if str(own) not in user.pw_gecos]
    names, numbers = {user.pw_name for user in users}, {user.pw_gid for user in users}
    groups = {group.gr_name for group in grp.getgrall() if group.gr_gid in numbers or names & set(group.gr_mem)}
    return names | groups
