"""Running a command for a person: argv of the configuration, a clean environment, its output handed on as it comes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading

from .frames import ERR, OUT, PIECE, CallerGone, refuse
from .run import Context

TYPE_CHECKING = False  # typing is slow to import, and a person waits for this program
if TYPE_CHECKING:
    from typing import IO, Any


def run(
    context: Context,
    argv: list[str],
    *,
    stdin: bytes = b"",
    largest: int = 2**22,
    program: str = "",
    patience: float = 0.0,
) -> dict[str, Any]:
    """Run `argv` and hand on what it prints, `largest` bytes of each stream; its status is the answer's.

    `program` is what is run where argv[0] is only what it is called. Where this is interrupted the command is killed,
    after `patience` seconds in which it may end by itself.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(context),
            cwd=directory(context),
            executable=program or None,
        )
    except OSError as error:
        refuse(f"{argv[0]} did not start: {error.strerror}")
    assert process.stdin and process.stdout and process.stderr  # they are pipes  # noqa: S101 - for the type checker
    sent: list[bool] = []
    readers = [
        threading.Thread(target=_hand_on, args=(context, kind, pipe, largest, sent), daemon=True)
        for kind, pipe in ((OUT, process.stdout), (ERR, process.stderr))
    ]
    readers.append(threading.Thread(target=_feed, args=(process.stdin, stdin), daemon=True))
    for reader in readers:
        reader.start()
    try:
        returncode = process.wait()
    except BaseException:
        _end(process, patience)
        raise
    for reader in readers:
        reader.join(1.0)  # something in the background may hold the pipe; it ends with us
    return {"returncode": returncode, "truncated": bool(sent)}


def command(context: Context, name: str) -> str:
    """The path of a command, as the configuration has it."""
    if name not in context.commands:
        refuse(f"this site has not configured {name}")
    return context.commands[name]


def environment(context: Context) -> dict[str, str]:
    """What a command finds: the configuration's words and who it runs as, nothing of the caller's."""
    person = context.person
    found = dict(context.environment)
    if context.verb != "transfer":
        found.pop("RCLONE_CONFIG", None)  # it would go on into people's jobs
    if context.verb == "estimate":
        found["SLURM_TIME_FORMAT"] = "%s"  # whatever the site's zone
    own = {"HOME": person.pw_dir, "USER": person.pw_name, "LOGNAME": person.pw_name, "SHELL": "/bin/sh"}
    return found | own


def directory(context: Context) -> str:
    """The person's home, or the root where that cannot be entered."""
    return context.person.pw_dir if os.access(context.person.pw_dir, os.X_OK) else "/"


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Ask a command to end where that is allowed to take time, and kill it in any case."""
    if patience:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    process.kill()


def _hand_on(context: Context, kind: bytes, pipe: IO[bytes], largest: int, cut: list[bool]) -> None:
    left = largest
    while piece := os.read(pipe.fileno(), PIECE):
        if len(piece) > left:
            cut.append(True)  # the rest is read and dropped, so that the command comes to its end
        try:
            context.out.send(kind, piece[:left])
        except CallerGone:
            return  # the watch ends us
        left -= len(piece[:left])


def _feed(pipe: IO[bytes], data: bytes) -> None:
    try:
        pipe.write(data)
        pipe.close()
    except BrokenPipeError:
        return  # it ended without reading everything
