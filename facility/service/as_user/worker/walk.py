"""From a path to the thing it names, one directory at a time, each held open: nothing can be exchanged behind us.

No step follows a link by itself: a link is read and walked in its turn. Links that others left in a directory where
everybody may write are not followed (as proc(5), protected_symlinks, has it), and file systems that hold no files
(/proc, /sys and their like) are not entered.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .frames import Problem, refuse

MOST_LINKS = 40  # as path_resolution(7) has it
STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

# statfs(2): proc, sysfs, cgroup, cgroup2, debugfs, tracefs, securityfs, devpts, bpf, pstore, efivarfs, mqueue, configfs
NO_FILES = frozenset({
    0x9FA0, 0x62656572, 0x27E0EB, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0x1CD1, 0xCAFE4A11, 0x6165676C,
    0xDE5E81E4, 0x19800202, 0x62656570,
})  # fmt: skip


@dataclass(frozen=True)
class Spot:
    """Where a path leads: the directory it lies in, its name there, and the thing itself, where there is one."""

    shown: str  # as it was asked for
    folder: int  # descriptor of the directory (O_PATH)
    name: str  # "" for a directory that was not named by its own name ("/", "..")
    handle: int | None  # descriptor of the thing (O_PATH); None: there is nothing of this name
    found: os.stat_result | None
    passed: frozenset[tuple[int, int]]  # device and inode of every directory on the way

    @property
    def status(self) -> os.stat_result:
        """What the thing is. Raises Problem where there is none."""
        if self.found is None:
            raise Problem("not-found", f"{self.shown}: No such file or directory")
        return self.found

    @property
    def is_directory(self) -> bool:
        """Whether there is a directory."""
        return self.found is not None and stat.S_ISDIR(self.found.st_mode)

    def own_name(self) -> str:
        """The name by which it is made, moved or removed."""
        return self.name or refuse(f"{self.shown}: name it by its own name")

    def open_directory(self) -> int:
        """A descriptor to list this very directory."""
        if not self.is_directory or self.handle is None:
            self.status  # noqa: B018 - raises where there is nothing
            refuse(f"{self.shown}: Not a directory")
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.handle)

    def names(self) -> list[str]:
        """What this very directory holds."""
        handle = self.open_directory()
        try:
            return sorted(os.listdir(handle))  # noqa: PTH208 - pathlib knows no descriptors
        finally:
            os.close(handle)

    def open_file(self) -> int:
        """A descriptor to read this very file; what is no regular file is refused before and after."""
        if not stat.S_ISREG(self.status.st_mode):
            refuse(f"{self.shown}: {what(self.status.st_mode)}, not a file that can be read")
        return open_regular(self.folder, self.name, self.shown, self.status)


class Walker:
    """Walks paths for one person, below `roots` where some are given."""

    def __init__(self, home: str, roots: list[str]) -> None:
        self._home = home.rstrip("/")
        self._roots = [(found.st_dev, found.st_ino) for found in map(os.stat, roots)]

    @contextmanager
    def spot(self, path: str, *, follow: bool = True) -> Iterator[Spot]:
        """Where `path` leads; a link at its end is followed or is itself the thing."""
        with reading(path):
            way = _Way(self._parts(path), follow, path.endswith("/"))
            try:
                name, handle = way.walk(path)
                passed = frozenset((found.st_dev, found.st_ino) for found in way.passed)
                if self._roots and passed.isdisjoint(self._roots):
                    raise Problem("not-allowed", f"{path}: Permission denied; it lies outside of what this site opens")
                found = None if handle is None else os.fstat(handle)
                yield Spot(path, way.stack[-1], name, handle, found, passed)
            finally:
                way.close()

    def _parts(self, path: str) -> list[str]:
        if "\0" in path or len(path) > 4096:
            refuse("a path holds no zero byte, and 4096 characters at most")
        if path == "~" or path.startswith("~/"):
            path = self._home + path[1:]
        if not path.startswith("/"):
            refuse(f"{path}: a path begins with / or ~/")
        return path.split("/")


class _Way:
    """The directories from / to where the walk is, each held open."""

    def __init__(self, parts: list[str], follow: bool, directory: bool) -> None:
        self._todo = [part for part in reversed(parts) if part not in ("", ".")]
        self._follow = follow or directory
        self._links = 0
        self._last: int | None = None
        self.stack = [os.open("/", STEP | os.O_DIRECTORY)]
        self.passed = [os.fstat(self.stack[0])]
        self._names = [""]

    def walk(self, path: str) -> tuple[str, int | None]:
        """Name and descriptor of the thing at the end; the top of the stack is the directory it lies in."""
        while self._todo:
            part = self._todo.pop()
            if part == "..":
                self._up()
                continue
            try:
                handle = os.open(part, STEP, dir_fd=self.stack[-1])
            except FileNotFoundError:
                if self._todo:
                    raise
                return part, None
            self._last = handle
            found = os.fstat(handle)
            if stat.S_ISLNK(found.st_mode) and (self._todo or self._follow):
                self._through(handle, found, path)
            elif stat.S_ISDIR(found.st_mode):
                self._down(part, handle, found, path)
            elif self._todo:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            else:
                return part, handle
            self._last = None
        name, self._last = self._names.pop(), self.stack[-1]
        if len(self.stack) > 1:
            self.stack.pop()
        else:
            self.stack.append(os.dup(self._last))  # "/" lies in itself
            self.stack.pop(0)
        return name, self._last

    def close(self) -> None:
        """Let everything go."""
        for handle in {*self.stack, *([self._last] if self._last is not None else [])}:
            os.close(handle)

    def _up(self) -> None:
        if len(self.stack) > 1:
            os.close(self.stack.pop())
            self.passed.pop()
            self._names.pop()

    def _down(self, part: str, handle: int, found: os.stat_result, path: str) -> None:
        if found.st_dev != self.passed[-1].st_dev and _file_system(handle) in NO_FILES:
            raise Problem("not-allowed", f"{path}: Permission denied; it lies in a file system that holds no files")
        self.stack.append(handle)
        self.passed.append(found)
        self._names.append(part)

    def _through(self, handle: int, found: os.stat_result, path: str) -> None:
        around, open_to_all = self.passed[-1], stat.S_ISVTX | stat.S_IWOTH
        if around.st_mode & open_to_all == open_to_all and found.st_uid not in (os.geteuid(), around.st_uid):
            raise Problem("not-allowed", f"{path}: Permission denied; somebody else left a link on the way")
        self._links += 1
        if self._links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = os.readlink("", dir_fd=handle)
        os.close(handle)
        if target.startswith("/"):
            while len(self.stack) > 1:
                self._up()
        self._todo += [part for part in reversed(target.split("/")) if part not in ("", ".")]


def open_regular(folder: int, name: str, shown: str, expected: os.stat_result | None = None) -> int:
    """A descriptor to read a regular file, the `expected` one where that is known; never waits for a pipe."""
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    found = os.fstat(handle)
    same = expected is None or (found.st_dev, found.st_ino) == (expected.st_dev, expected.st_ino)
    if stat.S_ISREG(found.st_mode) and same:
        return handle
    os.close(handle)
    refuse(f"{shown}: it was exchanged while it was opened")


@contextmanager
def reading(path: str) -> Iterator[None]:
    """What the system says goes to the caller with the path it is about."""
    try:
        yield
    except FileNotFoundError as error:
        raise Problem("not-found", f"{path}: No such file or directory") from error
    except PermissionError as error:
        raise Problem("not-allowed", f"{path}: {error.strerror}") from error
    except OSError as error:
        raise Problem("refused", f"{path}: {error.strerror or error}") from error


def what(mode: int) -> str:
    """The kind of a file in words."""
    names = {
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFREG: "a file",
    }
    return names.get(stat.S_IFMT(mode), "a device")


def _file_system(handle: int) -> int:
    """The f_type of statfs(2), the first word of its answer."""
    answer = (ctypes.c_long * 32)()
    if ctypes.CDLL(None, use_errno=True).fstatfs(handle, answer) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(answer[0]) & 0xFFFFFFFF
