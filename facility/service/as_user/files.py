"""A person's files, as that person: every verb. The kernel's permissions decide, never this service.

Paths are absolute, or begin with "~/" (the person's home). What the verbs answer is in `facility.files`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Protocol

from facility.files import Checksum, Compression, Entry, Stat


class Files(Protocol):
    """The files of one person (see `Parts.files_for`).

    Every verb raises NotFound ("PATH: No such file or directory"), NotAllowed where the person's own rights do not
    reach ("PATH: Permission denied"), Refused for what cannot be done (a pipe or a device, a full disk or quota, a
    directory where a file is wanted), Busy where too many are at work, and Unreachable where the worker ended early.
    """

    async def ls(self, path: str, *, dots: bool = False, recursive: bool = False, follow: bool = False) -> list[Entry]:
        """The entries of a directory by name, hidden ones too; of anything else the one entry that it is.

        `dots` puts "." and ".." first; `recursive` goes down, names are then relative to `path`; `follow` tells of what
        links lead to. A `path` that is a link is told as a link, unless `follow` is set or it ends with "/".
        """
        ...

    async def stat(self, path: str, *, follow: bool = True) -> Stat:
        """What the file system tells of `path`, or of the link itself without `follow`."""
        ...

    async def file_type(self, path: str) -> str:
        """What the file holds, in the words of file(1)."""
        ...

    def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes of a regular file from `offset`, `limit` at most (None: to its end), in pieces.

        Errors come with the first piece. Leaving the loop early ends the worker: close the iterator (`aclosing`).
        """
        ...

    async def write(
        self, path: str, chunks: AsyncIterable[bytes], *, overwrite: bool = True, largest: int | None = None
    ) -> Entry:
        """Put `chunks` into a file: whole or not at all, on the disk before it is seen.

        A new file is the person's alone (0600); one that is replaced keeps its permissions. A link is refused, not
        followed. More than `largest` bytes are Refused (None: what facility.toml allows). Cancelling leaves nothing.
        """
        ...

    async def mkdir(self, path: str, *, parents: bool = False) -> Entry:
        """Make a directory, 0700; with `parents` those above it too, and one that is there is no error."""
        ...

    async def symlink(self, target: str, path: str) -> Entry:
        """Make a link at `path` that names `target`, whether or not that exists."""
        ...

    async def move(self, source: str, target: str, *, overwrite: bool = False) -> Entry:
        """Rename; into `target` where that is a directory. Over a file only with `overwrite`."""
        ...

    async def copy(self, source: str, target: str, *, follow: bool = False) -> Entry:
        """Copy a file, or a directory with all below; into `target` where that is a directory.

        Links are copied as links unless `follow` is set. A file that is there is replaced.
        """
        ...

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file, a link or an empty directory; with `recursive` all below too, never through a link."""
        ...

    async def chmod(self, path: str, mode: int) -> Entry:
        """Set the permission bits, e.g. 0o640. Set-user-ID and set-group-ID on files are refused."""
        ...

    async def chown(self, path: str, group: str) -> Entry:
        """Give the file to another group of the person's; nobody can give files away to another user."""
        ...

    async def checksum(self, path: str, algorithm: Checksum = "sha256") -> str:
        """The digest of a regular file, in hexadecimal."""
        ...

    async def head(
        self, path: str, *, lines: int | None = None, size: int | None = None, skip_last: bool = False
    ) -> bytes:
        """The first `lines` or `size` bytes (default: 10 lines); with `skip_last` all but the last so many.

        4 MiB at most.
        """
        ...

    async def tail(
        self, path: str, *, lines: int | None = None, size: int | None = None, skip_first: bool = False
    ) -> bytes:
        """The last `lines` or `size` bytes (default: 10 lines); with `skip_first` all but the first so many.

        4 MiB at most.
        """
        ...

    async def view(self, path: str, *, offset: int = 0, size: int = 1_048_576) -> bytes:
        """`size` bytes (4 MiB at most) from `offset`."""
        ...

    async def compress(
        self,
        source: str,
        target: str,
        *,
        compression: Compression = "gzip",
        match: str = "",
        follow: bool = False,
    ) -> Entry:
        """Put a file or directory into a tar archive at `target`; of a directory what the regular expression `match`
        finds in the path below it (empty: all). Links are stored as links unless `follow` is set.
        """
        ...

    async def extract(self, source: str, target: str, *, compression: Compression | None = None) -> Entry:
        """Unpack a tar archive below the directory `target`, which is made where it is missing.

        None finds the compression out. A member that would land outside, a device or a pipe is Refused; nothing is
        ever written through a link.
        """
        ...
