"""What a directory's entry is, as `ls -l` tells it, in one line of JSON."""

from __future__ import annotations

import functools
import grp
import json
import os
import pwd
import stat

LARGEST_LISTING = 100_000  # entries that are told at once

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}


def describe(
    folder: int, name: str, shown: str, *, follow: bool, found: os.stat_result | None = None
) -> dict[str, object]:
    """The entry `name` of an open directory. A link that leads nowhere is told as itself."""
    if found is None:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=follow)
        except FileNotFoundError:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind = kind_of(found.st_mode)
    return {
        "name": shown,
        "kind": kind,
        "perms": stat.filemode(found.st_mode),
        "hardlinks": found.st_nlink,
        "user": user_name(found.st_uid),
        "group": group_name(found.st_gid),
        "size": found.st_size,
        "modified": found.st_mtime,
        "target": os.readlink(name, dir_fd=folder) if kind == "link" else "",
    }


def kind_of(mode: int) -> str:
    """The kind of a file in a word."""
    return KINDS.get(stat.S_IFMT(mode), "device")


def encoded(record: dict[str, object]) -> bytes:
    """One line of JSON; names that are not UTF-8 are shown with backslash escapes."""
    shown = {key: _readable(value) if isinstance(value, str) else value for key, value in record.items()}
    return json.dumps(shown).encode() + b"\n"


@functools.lru_cache(maxsize=1000)
def user_name(uid: int) -> str:
    """The user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@functools.lru_cache(maxsize=1000)
def group_name(gid: int) -> str:
    """The group's name, or the number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
