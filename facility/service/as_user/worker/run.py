"""Read the request, keep its limits, do the one thing it names, and tell the end, whatever that is."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib
import json
import os
import pwd
import resource
import select
import signal
import sys
import threading
import time

from .frames import CallerGone, Problem, Writer, read_input, refuse

TYPE_CHECKING = False  # typing is slow to import, and a person waits for this program
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any, NoReturn

LARGEST_INPUT = 4 * 2**20  # bytes of an input that is read whole
MOST_FILES = 1024
LINGER = 5.0  # seconds that tidying up may take before everything is killed
SHORT, LONG, LONGEST = 60.0, 12 * 3600.0, 48 * 3600.0  # seconds

# verb -> module that has it as a function, and the longest it may take
FILE_VERBS = (
    "ls", "stat", "read", "write", "mkdir", "symlink", "move", "copy", "remove", "chmod", "chown",
    "checksum", "head", "tail",
)  # fmt: skip
VERBS: dict[str, tuple[str, float]] = {
    "sbatch": ("slurm", SHORT),
    "estimate": ("slurm", SHORT),
    "scancel": ("slurm", SHORT),
    "job-control": ("slurm", SHORT),
    "reservation": ("slurm", SHORT),
    "put-claim": ("slurm", SHORT),
    "tail-log": ("own", SHORT),
    **dict.fromkeys(FILE_VERBS, ("files", LONG)),
    "file-type": ("contents", SHORT),
    "compress": ("archives", LONG),
    "extract": ("archives", LONG),
    "transfer": ("transfer", LONGEST),
    "command": ("shell", LONG),
}
WORDS = {errno.ENOENT: "not-found", errno.EACCES: "not-allowed", errno.EPERM: "not-allowed"}


class Context:
    """What a verb may use.

    roots : nothing outside of these is touched; none: wherever the person's own rights lead.
    handle : standard input, where the frames come.
    digest : sha256 of the input, "stream", or "" where there is none.
    """

    def __init__(self, request: dict[str, Any], person: pwd.struct_passwd, out: Writer, handle: int) -> None:
        self.verb: str = request["verb"]
        self.arguments: list[str] = request["arguments"]
        self.commands: dict[str, str] = request["commands"]
        self.environment: dict[str, str] = request["environment"]
        self.roots: list[str] = request["roots"]
        self.shell: bool = request["shell"]
        self.digest: str = request["input"]
        self.person, self.out, self.handle = person, out, handle

    def pieces(self) -> Iterator[bytes]:
        """The input, piece by piece, checked against what was promised of it."""
        seen = hashlib.sha256()
        length = 0
        for piece in read_input(self.handle):
            seen.update(piece)
            length += len(piece)
            yield piece
        if self.digest != "stream" and (self.digest or length) and seen.hexdigest() != self.digest:
            raise Problem("not-allowed", "the input is not the one that was granted")

    def whole_input(self, largest: int = LARGEST_INPUT) -> bytes:
        """The input in one piece; from here on a caller that goes away ends this."""
        found = bytearray()
        for piece in self.pieces():
            found += piece
            if len(found) > largest:
                refuse(f"the input is longer than {largest} bytes")
        self.watch()
        return bytes(found)

    def no_input(self) -> None:
        """The input, which must be empty."""
        self.whole_input(0)

    def watch(self) -> None:
        """End as soon as the caller goes away: nothing more is read, so whatever comes is the end."""
        threading.Thread(target=_watch, args=(self.handle,), daemon=True).start()


def main() -> None:
    """Do what the request says. Everything that this process started is killed before it ends."""
    os.umask(0o077)
    with contextlib.suppress(PermissionError):
        os.setsid()
    source, out = _take_pipes()
    signal.signal(signal.SIGALRM, _late)
    signal.signal(signal.SIGTERM, _gone)
    try:
        answer = _act(source, out)
    except Problem as problem:
        answer = {"refused": problem.kind, "words": str(problem)}
    except CallerGone:
        _leave(1)
    except OSError as error:
        kind = WORDS.get(error.errno or 0, "refused")
        answer = {"refused": kind, "words": f"{error.strerror or error}"}
    with contextlib.suppress(CallerGone):
        _quiet()
        out.end(json.dumps(answer).encode(), LINGER)
    _leave(0)


def _act(source: int, out: Writer) -> dict[str, Any]:
    """The verb's own answer."""
    request = _request()
    verb = request["verb"]
    if verb not in VERBS:
        refuse("the verbs are " + ", ".join(VERBS))
    module, longest = VERBS[verb]
    if not 0 < request["timeout"] <= longest:
        refuse(f"{verb} may take {longest:g} seconds at most")
    signal.setitimer(signal.ITIMER_REAL, request["timeout"])
    threading.Thread(target=_deadline, args=(request["timeout"] + LINGER,), daemon=True).start()
    context = Context(request, pwd.getpwuid(os.geteuid()), out, source)
    if module != "slurm":  # Slurm hands the limits of a submission on to the job
        _limit()
    act: Callable[[Context], dict[str, Any] | None]
    act = getattr(importlib.import_module(f"{__package__}.{module}"), verb.replace("-", "_"))
    return act(context) or {"returncode": 0}


def _request() -> dict[str, Any]:
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        request: dict[str, Any] = json.loads(file.read())
    return request


def _limit() -> None:
    """No core files, and no more open files than a deep tree needs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _take_pipes() -> tuple[int, Writer]:
    """Standard input and output for the frames alone; nothing that is started finds them."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return source, Writer(sink)


def _watch(handle: int) -> None:
    """Wait for the caller's end of the pipe to be closed, then interrupt whatever is going on."""
    select.select([handle], [], [])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LINGER)
    os.killpg(0, signal.SIGKILL)


def _deadline(seconds: float) -> None:
    """What does not even end when it is interrupted is killed."""
    time.sleep(seconds)
    os.killpg(0, signal.SIGKILL)


def _late(_signal: int, _frame: FrameType | None) -> None:
    raise Problem("late", "no answer in time")


def _gone(_signal: int, _frame: FrameType | None) -> None:
    raise CallerGone


def _quiet() -> None:
    """Nothing interrupts the last words."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _leave(status: int) -> NoReturn:
    """End, and with us whatever we started that is still there."""
    if "subprocess" in sys.modules:
        os.killpg(0, signal.SIGKILL)
    os._exit(status)
