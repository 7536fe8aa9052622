"""Copying a file, or a directory with all below."""

from __future__ import annotations

import os
import stat

from .frames import PIECE, refuse
from .place import new_file
from .walk import Spot, Walker, what

DEEPEST = 100


def copy_tree(walker: Walker, old: Spot, new: Spot, *, follow: bool, depth: int = 0) -> None:
    """Copy what `old` is to where `new` is; links as links, unless they are followed. A file that is there goes."""
    found = old.status
    if stat.S_ISREG(found.st_mode):
        _copy_file(old, new)
    elif stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(old.name, dir_fd=old.folder), new.own_name(), dir_fd=new.folder)
    elif old.is_directory:
        if (found.st_dev, found.st_ino) in new.passed:
            refuse(f"{new.shown}: it lies inside of what is copied")
        _copy_directory(walker, old, new, follow=follow, depth=depth)
    else:
        refuse(f"{old.shown}: it is {what(found.st_mode)}, which is not copied")


def _copy_directory(walker: Walker, old: Spot, new: Spot, *, follow: bool, depth: int) -> None:
    if depth > DEEPEST:
        refuse(f"{old.shown}: more than {DEEPEST} directories deep, or links that lead in a circle")
    if new.found is None:
        os.mkdir(new.own_name(), 0o700, dir_fd=new.folder)
    for name in old.names():
        into, of = f"{new.shown}/{name}", f"{old.shown}/{name}"
        with walker.spot(into, follow=False) as target, walker.spot(of, follow=follow) as source:
            copy_tree(walker, source, target, follow=follow, depth=depth + 1)


def _copy_file(old: Spot, new: Spot) -> None:
    """The owner's own permissions are kept, as cp(1) keeps them under umask 077."""
    if new.found is not None and not stat.S_ISREG(new.found.st_mode):
        refuse(f"{new.shown}: it is {what(new.found.st_mode)}, which is not written over")
    handle = old.open_file()
    try:
        with new_file(new.folder, new.own_name(), new.found) as file:
            while piece := os.read(handle, PIECE):
                file.write(piece)
            if new.found is None:
                os.fchmod(file.fileno(), old.status.st_mode & 0o700)
    finally:
        os.close(handle)
