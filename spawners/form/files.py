"""The two files that the form's page loads, each under a name that holds the hash of its content.

What such a name leads to never changes, so a browser fetches it once and keeps it.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

log = logging.getLogger("beamside.form")


@dataclass(frozen=True)
class PageFile:
    """A file as it is served."""

    name: str  # e.g. "form-0123456789abcdef.css"
    media_type: str
    content: bytes


@dataclass(frozen=True)
class PageFiles:
    """The stylesheet, and the script that makes the form live; the form is whole without the script."""

    style: PageFile
    script: PageFile | None  # None in a source tree in which it was not built

    def find(self, name: str) -> PageFile | None:
        """The file of this name, if it is one of ours."""
        return next((file for file in (self.style, self.script) if file is not None and file.name == name), None)


@cache
def page_files() -> PageFiles:
    """The files of this installation, read once."""
    room = files("spawners.form")
    style = _named("form.css", "text/css; charset=utf-8", room.joinpath("templates", "form.css").read_bytes())
    try:
        built = room.joinpath("static", "form.js").read_bytes()
    except FileNotFoundError:
        log.warning("the spawn form is not live: its script is not built; run `jlpm build:form` in labextension/")
        return PageFiles(style, None)
    return PageFiles(style, _named("form.js", "text/javascript; charset=utf-8", built))


def _named(name: str, media_type: str, content: bytes) -> PageFile:
    stem, _, kind = name.partition(".")
    return PageFile(f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.{kind}", media_type, content)
