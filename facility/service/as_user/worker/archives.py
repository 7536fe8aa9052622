"""Tar archives of a person's files: made from descriptors, unpacked below one directory and never through a link."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Literal

from .entries import group_name, user_name
from .files import replaceable, take, tell_entry, walker_of
from .frames import PIECE, refuse
from .place import new_file
from .run import Context
from .trees import DEEPEST
from .walk import Spot, Walker, what

Mode = Literal["w:", "w:gz", "w:bz2", "w:xz"]
WRITING: dict[str, Mode] = {"none": "w:", "gzip": "w:gz", "bzip2": "w:bz2", "xz": "w:xz"}
READING = {"": "r|*", "none": "r|", "gzip": "r|gz", "bzip2": "r|bz2", "xz": "r|xz"}
MOST_MEMBERS = 1_000_000


def compress(context: Context) -> None:
    """[source, target, compression, match, "follow" or ""]: a tar archive of a file or a tree."""
    source, target, compression, match, follow = take(context, 5)
    if compression not in WRITING:
        refuse("the compressions are " + ", ".join(WRITING))
    try:
        pattern = re.compile(match)
    except re.error as error:
        refuse(f"{match[:80]!r} is no regular expression: {error}")
    walker = walker_of(context)
    with walker.spot(source, follow=bool(follow)) as old, walker.spot(target, follow=False) as new:
        old.status  # noqa: B018 - raises where there is nothing
        with new_file(new.folder, new.own_name(), replaceable(new, overwrite=True)) as file:
            own = os.fstat(file.fileno())
            with tarfile.open(fileobj=file, mode=WRITING[compression], format=tarfile.PAX_FORMAT) as archive:
                _Packer(walker, archive, pattern, bool(follow), (own.st_dev, own.st_ino)).add(old, old.name or "files")
        tell_entry(context, new)


class _Packer:
    """Puts a tree into an archive; what does not match, pipes, devices and the archive itself are left out."""

    def __init__(
        self,
        walker: Walker,
        archive: tarfile.TarFile,
        pattern: re.Pattern[str],
        follow: bool,
        itself: tuple[int, int],
    ) -> None:
        self._walker, self._archive, self._pattern, self._follow, self._itself = (
            walker,
            archive,
            pattern,
            follow,
            itself,
        )

    def add(self, spot: Spot, name: str, below: str = "", depth: int = 0) -> None:
        """Add what `spot` is under `name`; `below` is its path inside of what was asked for."""
        found = spot.status
        if depth > DEEPEST:
            refuse(f"{spot.shown}: more than {DEEPEST} directories deep, or links that lead in a circle")
        if below and not spot.is_directory and not self._pattern.search(below):
            return
        if (found.st_dev, found.st_ino) == self._itself:
            return
        if stat.S_ISREG(found.st_mode):
            with os.fdopen(spot.open_file(), "rb") as file:
                self._archive.addfile(_member(name, os.fstat(file.fileno()), tarfile.REGTYPE), file)
        elif stat.S_ISLNK(found.st_mode):
            link = _member(name, found, tarfile.SYMTYPE)
            link.linkname = os.readlink(spot.name, dir_fd=spot.folder)
            self._archive.addfile(link)
        elif spot.is_directory:
            self._archive.addfile(_member(name, found, tarfile.DIRTYPE))
            for each in spot.names():
                with self._walker.spot(f"{spot.shown}/{each}", follow=self._follow) as inner:
                    if inner.found is not None:  # it may have gone meanwhile
                        self.add(inner, f"{name}/{each}", f"{below}/{each}".lstrip("/"), depth + 1)


def extract(context: Context) -> None:
    """[source, target, compression or ""]: unpack below the directory `target`."""
    source, target, compression = take(context, 3)
    if compression not in READING:
        refuse("the compressions are " + ", ".join(name for name in READING if name))
    walker = walker_of(context)
    with walker.spot(source) as old:
        with walker.spot(target) as new:
            if new.found is None:
                os.mkdir(new.own_name(), 0o700, dir_fd=new.folder)
        with walker.spot(target) as new, os.fdopen(old.open_file(), "rb") as file:
            root = new.open_directory()
            try:
                with tarfile.open(fileobj=file, mode=READING[compression]) as archive:  # type: ignore[call-overload]  # the mode is one of a table
                    _unpack(archive, root)
            except (tarfile.TarError, EOFError) as error:
                refuse(f"{source}: it is no tar archive of that kind, or a broken one: {error}")
            finally:
                os.close(root)
            tell_entry(context, new)


def _unpack(archive: tarfile.TarFile, root: int) -> None:
    """Each member in its turn; links come last, so that nothing is ever written through one of them."""
    links: list[tarfile.TarInfo] = []
    for count, member in enumerate(archive):
        if count > MOST_MEMBERS:
            refuse(f"the archive has more than {MOST_MEMBERS} members")
        parts = _inside(member.name)
        if member.issym():
            links.append(member)
        elif member.isdir():
            with _folder(root, parts):
                pass
        elif member.isreg():
            content = archive.extractfile(member)
            if not parts or content is None:
                refuse(f"{member.name}: a member that has no name")
            with _folder(root, parts[:-1]) as folder:
                _unpack_file(folder, parts[-1], member, content)
        else:
            refuse(f"{member.name}: neither a file, a directory nor a symbolic link, which is all that is unpacked")
    for member in links:
        parts = _inside(member.name)
        _inside("/".join([*parts[:-1], member.linkname]), absolute=member.linkname.startswith("/"))
        with _folder(root, parts[:-1]) as folder:
            os.symlink(member.linkname, parts[-1], dir_fd=folder)


def _unpack_file(folder: int, name: str, member: tarfile.TarInfo, content: IO[bytes]) -> None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        found = None
    if found and not stat.S_ISREG(found.st_mode):
        refuse(f"{member.name}: it is {what(found.st_mode)}, which is not written over")
    with new_file(folder, name, found) as file:
        while piece := content.read(PIECE):
            file.write(piece)
        if found is None:
            os.fchmod(file.fileno(), member.mode & 0o700 | 0o600)


def _inside(name: str, *, absolute: bool = False) -> list[str]:
    """The parts of a member's path. Refused where it would lead outside."""
    depth, parts = 0, []
    for part in name.split("/"):
        if part in ("", "."):
            continue
        depth += -1 if part == ".." else 1
        parts.append(part)
        if depth < 0:
            break
    if absolute or name.startswith("/") or depth < 0 or "\0" in name:
        refuse(f"{name[:200]!r}: a member of the archive that would land outside")
    return _resolved(parts)


def _resolved(parts: list[str]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if part == "..":
            found.pop()
        else:
            found.append(part)
    return found


@contextmanager
def _folder(root: int, parts: list[str]) -> Iterator[int]:
    """A descriptor of a directory below `root`, made where it is missing; a link on the way is an error."""
    at = os.dup(root)
    try:
        for part in parts:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=at)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        yield at
    finally:
        os.close(at)


def _member(name: str, found: os.stat_result, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = kind, stat.S_IMODE(found.st_mode), int(found.st_mtime)
    member.uid, member.gid = found.st_uid, found.st_gid
    member.uname, member.gname = user_name(found.st_uid), group_name(found.st_gid)
    member.size = found.st_size if kind == tarfile.REGTYPE else 0
    return member
