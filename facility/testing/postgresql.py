"""A PostgreSQL of one's own: Debian's programs, an empty folder, a Unix socket that nobody else can reach."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER = "beamside"
INSTALLED = Path("/usr/lib/postgresql")
SETTINGS = {"listen_addresses": "", "fsync": "off", "shared_buffers": "16MB", "max_connections": "40"}
"""No port; and no patience for the disk, because nothing of it is kept."""


def find_postgresql(prefix: Path | None = None) -> Path | None:
    """The folder of the newest PostgreSQL: installed, or unpacked below `prefix`; None where there is none."""
    places = [INSTALLED, *([prefix / "packages" / "usr" / "lib" / "postgresql"] if prefix else [])]
    found = [folder for place in places for folder in place.glob("*/bin") if (folder / "postgres").exists()]
    return max(found, key=lambda folder: int(folder.parent.name), default=None)


class PostgreSQL:
    """One running server."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._count = 0

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._count += 1
        name = f"test{self._count}"
        self._run("psql", "--host", str(self._folder), "--quiet", "--command", f"CREATE DATABASE {name}", "postgres")
        return f"postgresql+psycopg://{OWNER}@/{name}?host={self._folder}"

    def stop(self) -> None:
        """End the server at once; who speaks to it is cut off."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--pgdata", str(self._folder / "data"))

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
        options = f"{settings} -c unix_socket_directories='{self._folder}'"
        log = str(self._folder / "log")
        self._run(
            "pg_ctl", "start", "--wait", "--silent", "--log", log, "--pgdata", str(self._folder / "data"), "-o", options
        )

    def initialise(self) -> None:
        """Make the files of a new server."""
        pages = ("--no-locale", "--encoding=UTF8", "--no-sync", "--auth=trust", f"--username={OWNER}")
        self._run("initdb", *pages, "--pgdata", str(self._folder / "data"))

    def _run(self, program: str, *arguments: str) -> None:
        account = pwd.getpwnam("nobody")  # PostgreSQL refuses to run as root
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        said = subprocess.run(
            [str(self._programs / program), *arguments],
            env={"PATH": os.defpath, "LC_ALL": "C", "PGUSER": OWNER, **self._libraries()},
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # pg_ctl's server would hold a pipe open
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
            **who,  # type: ignore[call-overload]  # typeshed wants the three names spelled out
        )
        if said.returncode != 0:
            raise RuntimeError(f"{program} ended with {said.returncode}; look at {self._folder / 'log'}")

    def _libraries(self) -> dict[str, str]:
        """Where the libraries lie that were unpacked with the programs."""
        tree = self._programs.parents[4]
        if self._programs.is_relative_to(INSTALLED):
            return {}
        return {"LD_LIBRARY_PATH": str(tree / "usr" / "lib" / f"{os.uname().machine}-linux-gnu")}


@contextmanager
def postgresql(programs: Path, folder: Path) -> Iterator[PostgreSQL]:
    """A new server in the empty `folder`, gone afterwards with all its data."""
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
    server = PostgreSQL(programs, folder)
    server.initialise()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
