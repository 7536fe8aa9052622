"""What a file holds, in the words of file(1) of the configured PATH, which sees its beginning only, never its path."""

from __future__ import annotations

from typing import Any

from .children import run
from .files import LARGEST_VIEW, pieces, take, walker_of
from .frames import OUT
from .run import Context
from .walk import what


def file_type(context: Context) -> dict[str, Any] | None:
    """[path]: a few words."""
    (path,) = take(context, 1)
    with walker_of(context).spot(path) as spot:
        if spot.is_directory:
            context.out.send(OUT, what(spot.status.st_mode).removeprefix("a ").encode())
            return None
        beginning = b"".join(pieces(spot.open_file(), 0, LARGEST_VIEW))
    return run(context, ["file", "--brief", "-"], stdin=beginning)
