"""The two files that a hub has of a person's: the secret that a job claims its environment with, and the job's log."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time

from .frames import OUT, refuse
from .run import Context

LOG_BYTES = 64 * 2**10
ROOM = 2**20  # bytes that must be free: a server writes as much before anybody saves anything
STATE = (".local", "state", "beamside")  # facility.places says the same; this program stands alone
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def tail_log(context: Context) -> None:
    """Tell the last lines of a job's log; links, devices and other people's files are refused."""
    arguments = context.arguments
    if (
        len(arguments) != 2
        or not FILE_NAME.fullmatch(arguments[0])
        or not re.fullmatch("[1-9][0-9]{0,3}", arguments[1])
    ):
        refuse("tail-log takes the log's name and how many lines")
    context.no_input()
    context.out.send(OUT, read_log(context.person.pw_dir, arguments[0], int(arguments[1])))


def write_claim(home: str, name: str, secret: bytes) -> str:
    """Write the secret of a job that will be submitted, 0600, whole or not at all; tells the path."""
    os.close(_own_directory(home, "logs"))  # where the job will print to
    folder = _own_directory(home, "claims")
    try:
        temporary = f".{name}.{os.getpid()}.{time.monotonic_ns()}"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                _find_room(handle)
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(temporary, dir_fd=folder)
            raise
    finally:
        os.close(folder)
    return "/".join((home, *STATE, "claims", name))


def _find_room(handle: int) -> None:
    """Take so much of the disk and quota and give it back; a job whose server cannot begin is not worth its wait."""
    try:
        os.posix_fallocate(handle, 0, ROOM)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):  # a file system that cannot tell
            raise
    os.ftruncate(handle, 0)


def read_log(home: str, name: str, lines: int) -> bytes:
    """See `tail_log`."""
    folder = _own_directory(home, "logs")
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            refuse(f"{name} is not a log of this person's")
        file.seek(max(found.st_size - LOG_BYTES, 0))
        return b"".join(file.read(LOG_BYTES).splitlines(keepends=True)[-lines:])


def _own_directory(home: str, kind: str) -> int:
    """A descriptor of our directory below `home`, made where it is missing; a link on the way is refused."""
    at = os.open(os.path.realpath(home), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    for part in (*STATE, kind):
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=at)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
        finally:
            os.close(at)
        at = below
    if os.fstat(at).st_uid != os.geteuid():
        os.close(at)
        refuse(f"{kind} belongs to somebody else")
    os.fchmod(at, 0o700)
    return at
