"""A packed environment on one node of a block: room for its archive, what is in it, and no trace of both at the end.

`python -m dask_hpc.block.environment DIRECTORY BYTES` runs once on every node, for as long as the block does. It does
three things, each when its standard input says that all nodes have done the one before: it makes the private DIRECTORY
in which the archive of so many bytes will come; unpacks that into a place of its own node's; and deletes the archive.
Each deed is told as a line of JSON. The end of its input is the end of the block, or of its agent: then it removes all.
So it does after SIGTERM, once no process of the environment runs here any more: that comes with the end of the job, and
where a job is preempted with a grace time, its ranks go on for a while.

Nodes may share the file system of DIRECTORY, as those of a test do: each has its own name below it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from pathlib import Path

import psutil

PYTHON = "python3"
ARCHIVE = ".archive"  # no node has such a name
ROOM, UNPACKED = "room", "unpacked"
_MIB = 2**20
_LOOK_SECONDS = 0.2


class NotUnpacked(Exception):
    """The environment cannot be had on this node; the text says why and what to do."""


class OnThisNode:
    """What this node has of the environment."""

    def __init__(self, directory: Path, size: int, node: str) -> None:
        self._directory, self._size = directory, size
        self._archive, self._own = directory / ARCHIVE, directory / node

    def make_room(self) -> None:
        """Make the directory. Raises NotUnpacked where that cannot be, and where the disk has too little room."""
        try:
            with suppress(FileExistsError):  # another node's, or that of a process before this one
                self._directory.mkdir(mode=0o700)
            found = self._directory.lstat()
            free = shutil.disk_usage(self._directory).free
        except OSError as error:
            raise NotUnpacked(f"{self._directory} cannot be made: {error.strerror}; {_ELSEWHERE}") from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
            raise NotUnpacked(f"{self._directory} is somebody else's; {_ELSEWHERE}")
        if free < 2 * self._size:
            raise NotUnpacked(
                f"{self._directory.parent} has {free // _MIB} MiB free, and the archive with what is in it needs at "
                f"least {2 * self._size // _MIB} MiB; {_ELSEWHERE}"
            )

    async def unpack(self) -> None:
        """Unpack the archive, and let conda-unpack, where it is in it, make the paths in its files right.

        Raises NotUnpacked with the words of what could not do it, and where there is no Python in it.
        """
        self._own.mkdir(mode=0o700)
        try:  # -o: its files are whoever's unpacks them
            await _run("tar", "-x", "-o", "-f", str(self._archive), "-C", str(self._own))
        except NotUnpacked as error:
            if shutil.disk_usage(self._own).free < _MIB:
                raise NotUnpacked(f"{self._directory.parent} is full: {error}; {_ELSEWHERE}") from error
            raise
        python = self._own / "bin" / PYTHON
        if not os.access(python, os.X_OK):
            raise NotUnpacked(
                f"no bin/{PYTHON} is in it that can be run on this node; pack the environment from inside, by "
                "conda-pack or `tar -czf ENVIRONMENT.tar.gz -C ENVIRONMENT .`"
            )
        mends_paths = self._own / "bin" / "conda-unpack"
        if mends_paths.exists():
            await _run(str(python), str(mends_paths))

    @property
    def is_used(self) -> bool:
        """Whether a process of this environment runs."""
        inside = f"{self._own}{os.sep}"
        return any((one.info["cmdline"] or [""])[0].startswith(inside) for one in psutil.process_iter(["cmdline"]))

    def forget_archive(self) -> None:
        """Nobody needs the archive any more."""
        self._archive.unlink(missing_ok=True)

    def remove(self) -> None:
        """Leave nothing of this node's; the last one removes the directory."""
        shutil.rmtree(self._own, ignore_errors=True)
        with suppress(OSError):
            self.forget_archive()
            self._directory.rmdir()


_ELSEWHERE = "set TMPDIR to a directory of the node's own that has more room, before the cluster is made"


async def _run(*argv: str) -> None:
    """Run a program to its end; it does not outlive this task. Raises NotUnpacked with its first line."""
    around = {**os.environ, "LC_ALL": "C"}
    try:
        process = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=around)
    except OSError as error:
        raise NotUnpacked(f"{argv[0]} did not start: {error.strerror}") from error
    try:
        _, words = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        first = words.decode(errors="replace").strip().partition("\n")[0]
        raise NotUnpacked(first or f"{argv[0]} ended with status {process.returncode}")


async def _attend(here: OnThisNode, node: str) -> None:
    """Do the three things in their time, until all is over."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    said: asyncio.Queue[bytes] = asyncio.Queue()
    work = asyncio.create_task(_work(here, node, said))
    ends = {asyncio.create_task(_hear(reader, said)), asyncio.create_task(_wait_alone(here))}
    await asyncio.wait({work, *ends}, return_when=asyncio.FIRST_COMPLETED)
    if work.done() and work.exception() is None:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, *ends):
        task.cancel()
    await asyncio.wait({work, *ends})
    if not work.cancelled():
        work.result()


async def _hear(reader: asyncio.StreamReader, said: asyncio.Queue[bytes]) -> None:
    while line := await reader.readline():
        said.put_nowait(line)


async def _wait_alone(here: OnThisNode) -> None:
    """Wait for SIGTERM, and then for the end of whatever runs of the environment."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    while here.is_used:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(_LOOK_SECONDS)


async def _work(here: OnThisNode, node: str, said: asyncio.Queue[bytes]) -> None:
    here.make_room()
    _tell(node, done=ROOM)
    await said.get()
    await here.unpack()
    _tell(node, done=UNPACKED)
    await said.get()
    here.forget_archive()


def _tell(node: str, **deed: str) -> None:
    """One line for the agent; `of` is on how many nodes the like of this process runs."""
    told = {"node": node, "of": int(os.environ.get("SLURM_STEP_NUM_NODES", "1")), **deed}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Have the environment on this node as long as the block needs it."""
    node = os.environ["SLURMD_NODENAME"]
    here = OnThisNode(Path(sys.argv[1]), int(sys.argv[2]), node)
    try:
        asyncio.run(_attend(here, node))
    except NotUnpacked as error:
        _tell(node, failed=str(error))
        return 1
    except OSError as error:
        _tell(node, failed=f"{error.filename}: {error.strerror}")
        return 1
    finally:
        here.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
