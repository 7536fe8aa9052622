"""Files as the facility tells of them. No I/O. A name that is not UTF-8 is shown with backslash escapes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["file", "directory", "link", "pipe", "socket", "device"]
Checksum = Literal["md5", "sha1", "sha256", "sha512"]
Compression = Literal["none", "gzip", "bzip2", "xz"]


@dataclass(frozen=True)
class Entry:
    """One line of `ls -l`."""

    name: str  # in a directory the file's name; where one file was asked for, the path as it was asked
    kind: Kind
    perms: str  # as ls prints them, e.g. "-rw-r--r--"
    hardlinks: int
    user: str  # the number where the number has no name
    group: str
    size: int  # bytes
    modified: datetime
    target: str = ""  # what a link names; empty for everything else


@dataclass(frozen=True)
class Stat:
    """What stat(2) tells of a file. Times are whole seconds since 1970 in UTC."""

    mode: int
    ino: int
    dev: int
    nlink: int
    uid: int
    gid: int
    size: int  # bytes
    atime: int
    mtime: int
    ctime: int
    kind: Kind
    user: str
    group: str
