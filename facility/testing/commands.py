"""Real commands that can be made to fail."""

from __future__ import annotations

import shlex
from pathlib import Path


class CommandShim:
    """A program in the place of one of Slurm's commands; what it does can be changed between two calls.

    It begins by passing everything through to the real command.
    """

    def __init__(self, folder: Path, real: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.path = folder / Path(real).name
        here, command = shlex.quote(str(folder)), shlex.quote(real)
        self.path.write_text(
            "#!/bin/sh\n"
            f"here={here}\n"
            '{ echo x >> "$here/calls"; } 2>/dev/null\n'  # not counted for a user who may not write here
            'case "$(cat "$here/mode")" in\n'
            f'pass) exec {command} "$@" ;;\n'
            "hang) exec sleep 3600 ;;\n"
            f'cut) {command} "$@" | head -c "$(cat "$here/bytes")"; exit 0 ;;\n'
            f'lost) {command} "$@" >/dev/null 2>&1; cat "$here/stderr" >&2; exit 1 ;;\n'
            '*) cat "$here/stdout"; cat "$here/stderr" >&2; exit "$(cat "$here/returncode")" ;;\n'
            "esac\n",
            encoding="utf-8",
        )
        self.path.chmod(0o755)
        self.pass_through()

    @property
    def calls(self) -> int:
        """How often it was called."""
        counted = self._folder / "calls"
        return len(counted.read_text().splitlines()) if counted.exists() else 0

    def pass_through(self) -> None:
        """Be the real command."""
        self._set("mode", b"pass")

    def hang(self) -> None:
        """Never answer."""
        self._set("mode", b"hang")

    def cut(self, bytes_: int) -> None:
        """Give only the first bytes of the real answer, with success."""
        self._set("bytes", str(bytes_).encode())
        self._set("mode", b"cut")

    def lose_answer(self, stderr: bytes) -> None:
        """Let the real command act, but fail with `stderr`."""
        self._set("stderr", stderr)
        self._set("mode", b"lost")

    def answer(self, stdout: bytes = b"", stderr: bytes = b"", returncode: int = 0) -> None:
        """Answer this, without the real command."""
        for name, value in (("stdout", stdout), ("stderr", stderr), ("returncode", str(returncode).encode())):
            self._set(name, value)
        self._set("mode", b"answer")

    def _set(self, name: str, value: bytes) -> None:
        """Renamed into place: a call sees the old or the new, never a part."""
        temporary = self._folder / f".{name}"
        temporary.write_bytes(value)
        temporary.replace(self._folder / name)
