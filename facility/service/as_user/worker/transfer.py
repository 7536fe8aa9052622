"""rclone(1) as the person: one file or directory from one place to another, whole files only.

rclone writes to NAME.xxxxxxxx.partial and renames when the file is whole and its checksum is right (since 1.63; an
older one refuses --inplace). A run that was killed leaves such a file; the next one writes the same again.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

from .children import command, directory, environment, run
from .frames import ERR, Problem, refuse
from .run import Context

PLACE = re.compile(r"/.{0,4095}|[A-Za-z0-9_][A-Za-z0-9_.@ -]{0,63}:.{0,4095}", re.DOTALL)
"""An absolute path, or the name of a remote of rclone.conf and a path there. Never an unnamed remote."""

OPTIONS = frozenset({"--checksum"})  # compare by contents, not by size and time
DIRECTORY, FILE = ("copy", "--create-empty-src-dirs"), ("copyto",)
WHOLE = ("--inplace=false", "--links", "--retries=1")
REPORT = ("--use-json-log", "--log-level=NOTICE", "--stats=1s", "--stats-log-level=NOTICE")
"""Figures each second and what goes wrong, not a line for each file."""

TIDYING = 3.0  # seconds in which rclone takes back what it has only begun, when it is ended


def transfer(context: Context) -> dict[str, Any]:
    """Bring SOURCE to DESTINATION, its own new name; every second a line of JSON with `stats` on the error stream."""
    if context.roots:
        refuse("files may be used below fixed directories only, which transfers cannot promise")
    places, options = context.arguments[:2], context.arguments[2:]
    if len(places) != 2 or not all(PLACE.fullmatch(place) and "\0" not in place for place in places):
        refuse("transfer takes two places; a place is an absolute path, or a remote's name, a colon and a path")
    if not OPTIONS.issuperset(options):
        refuse("the options of transfer are " + ", ".join(OPTIONS))
    context.no_input()
    # only the site's own remotes, whatever the person's rclone.conf names
    rclone = [command(context, "rclone"), f"--config={context.environment.get('RCLONE_CONFIG', '')}"]
    how = _way(context, rclone, places[0])
    if isinstance(how, int):
        return {"returncode": how}
    if how == DIRECTORY:
        _make_like(*places)
    argv = [*rclone, *how, *WHOLE, *_owner(context), *REPORT, *options, "--", *places]
    return run(context, argv, largest=2**30, patience=TIDYING)


def _make_like(source: str, destination: str) -> None:
    """Make a directory of this machine with the source's mode: rclone makes nothing of one that is empty."""
    if not destination.startswith("/"):
        return
    try:
        Path(destination).mkdir(parents=True)
        if source.startswith("/"):
            Path(destination).chmod(stat.S_IMODE(os.lstat(source).st_mode) & 0o777)
    except FileExistsError:
        return
    except PermissionError as error:
        raise Problem("not-allowed", f"{destination}: Permission denied") from error


def _owner(context: Context) -> tuple[str, ...]:
    """Times and modes come along; the copy is the person's whoever has the original, and is never set-uid."""
    person = context.person
    return "--metadata", f"--metadata-set=uid={person.pw_uid}", f"--metadata-set=gid={person.pw_gid}"


def _way(context: Context, rclone: list[str], source: str) -> tuple[str, ...] | int:
    """How rclone brings the source, or its status where it cannot tell. Links, pipes and devices are refused."""
    if not source.startswith("/"):
        return _way_of_remote(context, rclone, source)
    try:
        mode = os.lstat(source).st_mode
    except FileNotFoundError as error:
        raise Problem("not-found", f"{source}: No such file or directory") from error
    except PermissionError as error:
        raise Problem("not-allowed", f"{source}: Permission denied") from error
    if stat.S_ISLNK(mode):
        refuse(f"{source} is a link; give the place that it points to")
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        refuse(f"{source} is neither a file nor a directory")
    return DIRECTORY if stat.S_ISDIR(mode) else FILE


def _way_of_remote(context: Context, rclone: list[str], source: str) -> tuple[str, ...] | int:
    argv = [*rclone, "lsjson", "--stat", "--no-mimetype", "--no-modtime", "--use-json-log", "--", source]
    done = subprocess.run(argv, capture_output=True, env=environment(context), cwd=directory(context), check=False)
    context.out.send(ERR, done.stderr)
    if done.returncode != 0:
        return done.returncode
    try:
        return DIRECTORY if json.loads(done.stdout)["IsDir"] else FILE
    except (ValueError, KeyError, TypeError) as error:
        raise Problem("broken", f"rclone's answer about {source} cannot be read") from error
