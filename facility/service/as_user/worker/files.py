"""The verbs on files. Each finds its way by `walk`, works on descriptors, and tells what it found as lines of JSON."""

from __future__ import annotations

import errno
import grp
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from stat import S_ISREG

from .entries import LARGEST_LISTING, describe, encoded, kind_of, user_name
from .entries import group_name as name_of_group
from .frames import OUT, PIECE, Problem, refuse
from .place import exchange, new_file
from .run import Context
from .trees import DEEPEST, copy_tree
from .walk import Spot, Walker, what

LARGEST_VIEW = 4 * 2**20
LINE = re.compile(rb"[^\n]*\n|[^\n]+")
ALGORITHMS = frozenset({"md5", "sha1", "sha256", "sha512"})


def ls(context: Context) -> None:
    """[path, flags]: the entries, a line of JSON each; flags are some of dots, recursive and follow."""
    path, flags = take(context, 2)
    wanted = set(flags.split())
    if context.roots:
        wanted.discard("follow")  # what a link leads to may lie outside of what the site opens
    walker = walker_of(context)
    with walker.spot(path, follow="follow" in wanted) as spot:
        if not spot.is_directory:
            return tell(context, [describe(spot.folder, spot.name, path, follow=False, found=spot.status)])
        tell(context, _listing(spot.open_directory(), wanted))
    return None


def stat(context: Context) -> None:
    """[path, "follow" or ""]: what stat(2) tells, one line of JSON."""
    path, follow = take(context, 2)
    with walker_of(context).spot(path, follow=bool(follow)) as spot:
        found = spot.status
        names = ("mode", "ino", "dev", "nlink", "uid", "gid", "size")
        record: dict[str, object] = {name: getattr(found, f"st_{name}") for name in names}
        record |= {name: int(getattr(found, f"st_{name}")) for name in ("atime", "mtime", "ctime")}
        record |= {
            "kind": kind_of(found.st_mode),
            "user": user_name(found.st_uid),
            "group": name_of_group(found.st_gid),
        }
        tell(context, [record])


def read(context: Context) -> None:
    """[path, offset, limit or ""]: the bytes of a regular file."""
    path, offset, limit = take(context, 3)
    with walker_of(context).spot(path) as spot:
        for piece in pieces(spot.open_file(), number(offset), number(limit) if limit else None):
            context.out.send(OUT, piece)


def write(context: Context) -> None:
    """[path, "overwrite" or "", largest]: the input becomes the file, whole or not at all."""
    path, overwrite, largest = take(context, 3, silent=False)
    left = number(largest)
    with walker_of(context).spot(path, follow=False) as spot:
        replaced = replaceable(spot, overwrite=bool(overwrite))
        with new_file(spot.folder, spot.own_name(), replaced) as file:
            for piece in context.pieces():
                left -= len(piece)
                if left < 0:
                    refuse(f"{path}: File too large; {largest} bytes is the most here")
                file.write(piece)
        tell_entry(context, spot)


def mkdir(context: Context) -> None:
    """[path, "parents" or ""]: make a directory."""
    path, parents = take(context, 2)
    walker = walker_of(context)
    parts = path.rstrip("/").split("/")
    missing = ["/".join(parts[:count]) or "/" for count in range(2, len(parts))] if parents else []
    for above in missing:
        with walker.spot(above) as spot:
            if spot.found is None:
                os.mkdir(spot.own_name(), 0o700, dir_fd=spot.folder)
    with walker.spot(path.rstrip("/") or "/", follow=bool(parents)) as spot:
        if not (parents and spot.is_directory):
            os.mkdir(spot.own_name(), 0o700, dir_fd=spot.folder)
        tell_entry(context, spot)


def symlink(context: Context) -> None:
    """[target, path]: make a link that names the target."""
    target, path = take(context, 2)
    if not target or "\0" in target:
        refuse("a link names something")
    with walker_of(context).spot(path, follow=False) as spot:
        os.symlink(target, spot.own_name(), dir_fd=spot.folder)
        tell_entry(context, spot)


def move(context: Context) -> None:
    """[source, target, "overwrite" or ""]: rename, or copy and remove where that crosses file systems."""
    source, target, overwrite = take(context, 3)
    walker = walker_of(context)
    with walker.spot(source, follow=False) as old, walker.spot(target, follow=False) as there:
        old.status  # noqa: B018 - raises where there is nothing
        with walker.spot(into(old, there), follow=False) as new:
            try:
                exchange(old, new, overwrite=bool(overwrite))
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                copy_tree(walker, old, new, follow=False)
                _remove(old)
            tell_entry(context, new)


def copy(context: Context) -> None:
    """[source, target, "follow" or ""]: copy a file or a tree."""
    source, target, follow = take(context, 3)
    walker = walker_of(context)
    with walker.spot(source, follow=bool(follow)) as old, walker.spot(target) as there:
        old.status  # noqa: B018 - raises where there is nothing
        with walker.spot(into(old, there), follow=False) as new:
            copy_tree(walker, old, new, follow=bool(follow))
            tell_entry(context, new)


def remove(context: Context) -> None:
    """[path, "recursive" or ""]: remove a file, a link, an empty directory; or a tree."""
    path, recursive = take(context, 2)
    walker = walker_of(context)
    with walker.spot(path.rstrip("/") or "/", follow=False) as spot, walker.spot("~") as home:
        if spot.found and (spot.found.st_dev, spot.found.st_ino) in home.passed:
            refuse(f"{path}: it holds your home directory, which is not removed from here")
        if spot.is_directory and not recursive:
            os.rmdir(spot.own_name(), dir_fd=spot.folder)
        else:
            _remove(spot)


def chmod(context: Context) -> None:
    """[path, octal]: the permission bits."""
    path, octal = take(context, 2)
    with walker_of(context).spot(path) as spot:
        mode = number(octal, 8)
        if mode & ~0o1777 and not spot.is_directory:
            refuse(f"{path}: files that run as their owner or group are not made here")
        with opened(spot) as handle:
            os.fchmod(handle, mode & 0o7777)
        tell_entry(context, spot)


def chown(context: Context) -> None:
    """[path, group]: give it to another group of the person's."""
    path, group = take(context, 2)
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        refuse(f"{group}: there is no such group")
    with walker_of(context).spot(path) as spot:
        with opened(spot) as handle:
            os.fchown(handle, -1, gid)
        tell_entry(context, spot)


def checksum(context: Context) -> None:
    """[path, algorithm]: the digest of a regular file in hexadecimal."""
    path, algorithm = take(context, 2)
    if algorithm not in ALGORITHMS:
        refuse("the checksums are " + ", ".join(sorted(ALGORITHMS)))
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with walker_of(context).spot(path) as spot:
        for piece in pieces(spot.open_file()):
            digest.update(piece)
    context.out.send(OUT, digest.hexdigest().encode())


def head(context: Context) -> None:
    """[path, "lines" or "size", count, "skip" or ""]: the beginning; with skip all but so much of the end."""
    path, unit, count, skip = take(context, 4)
    with walker_of(context).spot(path) as spot:
        data = _window(spot, whole=bool(skip), end=False)
        units = LINE.findall(data) if unit == "lines" else None
        wanted = number(count)
        stop = max((len(data) if units is None else len(units)) - wanted, 0) if skip else wanted
        context.out.send(OUT, data[:stop] if units is None else b"".join(units[:stop])[:LARGEST_VIEW])


def tail(context: Context) -> None:
    """[path, "lines" or "size", count, "skip" or ""]: the end; with skip all but so much of the beginning."""
    path, unit, count, skip = take(context, 4)
    with walker_of(context).spot(path) as spot:
        data = _window(spot, whole=bool(skip), end=True)
        units = LINE.findall(data) if unit == "lines" else None
        wanted, have = number(count), len(data) if units is None else len(units)
        start = wanted if skip else max(have - wanted, 0)
        context.out.send(OUT, data[start:] if units is None else b"".join(units[start:]))


def take(context: Context, count: int, *, silent: bool = True) -> list[str]:
    """The arguments, so many; and no input, unless the verb has some."""
    if len(context.arguments) != count:
        refuse(f"{context.verb} takes {count} arguments")
    if silent:
        context.no_input()
    return context.arguments


def number(text: str, base: int = 10) -> int:
    """A whole number that is not negative."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        refuse(f"{text[:40]!r} is no number")
    try:
        return int(text, base)
    except ValueError:
        refuse(f"{text!r} is no number")


def walker_of(context: Context) -> Walker:
    """The walk of this person, within the policy of the site."""
    return Walker(context.person.pw_dir, context.roots)


def tell(context: Context, records: list[dict[str, object]] | Iterator[dict[str, object]]) -> None:
    """One line of JSON for each record."""
    waiting = bytearray()
    for count, record in enumerate(records):
        if count > LARGEST_LISTING:
            refuse(f"there are more than {LARGEST_LISTING} entries; list its parts")
        waiting += encoded(record)
        if len(waiting) > PIECE:
            context.out.send(OUT, bytes(waiting))
            waiting.clear()
    context.out.send(OUT, bytes(waiting))


def tell_entry(context: Context, spot: Spot) -> None:
    """The entry that is there now."""
    tell(context, [describe(spot.folder, spot.own_name(), spot.shown, follow=False)])


def replaceable(spot: Spot, *, overwrite: bool) -> os.stat_result | None:
    """The file that is there and may be replaced, if there is one."""
    if spot.found is None:
        return None
    if not S_ISREG(spot.found.st_mode):
        refuse(f"{spot.shown}: it is {what(spot.found.st_mode)}, which is not written over")
    if not overwrite:
        refuse(f"{spot.shown}: File exists")
    return spot.found


def into(old: Spot, there: Spot) -> str:
    """The path of the new thing: the target, or a name in it where it is a directory."""
    return f"{there.shown.rstrip('/')}/{old.own_name()}" if there.is_directory else there.shown


def pieces(handle: int, offset: int = 0, limit: int | None = None) -> Iterator[bytes]:
    """A file's bytes; the descriptor is closed at their end."""
    with os.fdopen(handle, "rb", buffering=0) as file:
        file.seek(offset)
        while limit is None or limit > 0:
            piece = file.read(PIECE if limit is None else min(PIECE, limit))
            if not piece:
                return
            limit = None if limit is None else limit - len(piece)
            yield piece


@contextmanager
def opened(spot: Spot) -> Iterator[int]:
    """A descriptor of the very thing, by which its permissions and group are changed."""
    handle = spot.open_directory() if spot.is_directory else spot.open_file()
    try:
        yield handle
    finally:
        os.close(handle)


def _listing(handle: int, wanted: set[str], below: str = "", depth: int = 0) -> Iterator[dict[str, object]]:
    """The entries of a directory, by name; the descriptor is closed at their end."""
    try:
        names = sorted(os.listdir(handle))
        if len(names) > LARGEST_LISTING:
            refuse(f"there are more than {LARGEST_LISTING} entries; list its parts")
        dots = [".", ".."] if "dots" in wanted and not below else []
        for name in (*dots, *names):
            try:
                record = describe(handle, name, below + name, follow="follow" in wanted)
            except FileNotFoundError:
                continue  # it went away meanwhile
            yield record
            if "recursive" in wanted and record["kind"] == "directory" and name not in dots:
                if depth > DEEPEST:
                    refuse(f"{below}{name}: more than {DEEPEST} directories deep; list its parts")
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                try:
                    down = os.open(name, flags, dir_fd=handle)
                except OSError:
                    continue  # a directory that may not be read, or a link, is told and not entered
                yield from _listing(down, wanted, f"{below}{name}/", depth + 1)
    finally:
        os.close(handle)


def _remove(spot: Spot) -> None:
    name = spot.own_name()
    if spot.is_directory:
        shutil.rmtree(name, dir_fd=spot.folder)  # goes by descriptors, never through a link
    else:
        spot.status  # noqa: B018 - raises where there is nothing
        os.unlink(name, dir_fd=spot.folder)


def _window(spot: Spot, *, whole: bool, end: bool) -> bytes:
    """As much of a file as may be shown at once."""
    size = spot.status.st_size
    if whole and size > LARGEST_VIEW:
        raise Problem("refused", f"{spot.shown}: File too large for this; read the part that is wanted")
    start = max(size - LARGEST_VIEW, 0) if end else 0
    return b"".join(pieces(spot.open_file(), start, LARGEST_VIEW))
