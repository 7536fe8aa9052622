"""Putting something into its place: a new file whole or not at all, a rename that replaces only what it may."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from .frames import refuse
from .walk import Spot, what

RENAME_NOREPLACE = 1  # renameat2(2)


@contextmanager
def new_file(folder: int, name: str, replaced: os.stat_result | None) -> Iterator[IO[bytes]]:
    """A file that appears under `name` at the end, on the disk by then; on any error nothing is left of it.

    It keeps the permissions and group of the one that it replaces; where none may be replaced and one came meanwhile,
    that one stays.
    """
    temporary = f".{name[:200]}.{os.urandom(8).hex()}.part"
    handle = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    try:
        with os.fdopen(handle, "wb", buffering=0) as raw:
            yield raw
            if replaced:
                with contextlib.suppress(PermissionError):
                    os.fchown(raw.fileno(), -1, replaced.st_gid)
                os.fchmod(raw.fileno(), stat.S_IMODE(replaced.st_mode) & 0o777)
            os.fsync(raw.fileno())
        rename(folder, temporary, folder, name, overwrite=replaced is not None)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=folder)
        raise
    with contextlib.suppress(PermissionError):  # a directory may be written to and not be read
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        os.fsync(directory)
        os.close(directory)


def exchange(old: Spot, new: Spot, *, overwrite: bool) -> None:
    """Rename the old to the new; over a file only where that is wanted, over anything else never."""
    if new.found is not None:
        if not overwrite:
            refuse(f"{new.shown}: File exists")
        if not stat.S_ISREG(new.found.st_mode):
            refuse(f"{new.shown}: it is {what(new.found.st_mode)}, which is not written over")
    rename(old.folder, old.own_name(), new.folder, new.own_name(), overwrite=overwrite)


def rename(from_folder: int, old: str, to_folder: int, new: str, *, overwrite: bool) -> None:
    """renameat2(2); without `overwrite` a name that is taken is an error even if it was taken just now."""
    if overwrite:
        os.rename(old, new, src_dir_fd=from_folder, dst_dir_fd=to_folder)
        return
    arguments = (from_folder, os.fsencode(old), to_folder, os.fsencode(new), RENAME_NOREPLACE)
    if ctypes.CDLL(None, use_errno=True).renameat2(*arguments) == 0:
        return
    number = ctypes.get_errno()
    if number != errno.EINVAL:
        raise OSError(number, os.strerror(number), new)
    # a file system without that flag: a second name for the same file is refused where it is taken, too
    os.link(old, new, src_dir_fd=from_folder, dst_dir_fd=to_folder, follow_symlinks=False)
    os.unlink(old, dir_fd=from_folder)
