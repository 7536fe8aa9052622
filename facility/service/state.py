"""The service's own directory: 0700, with databases, keys and locks."""

from __future__ import annotations

import os
from pathlib import Path

from facility.errors import ProfileError


def open_state(path: Path) -> Path:
    """The directory, made where it is missing. Raises ProfileError where others could read or write in it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise ProfileError(f"{path} must belong to the service's user and be 0700; correct it with chown and chmod")
    return path
