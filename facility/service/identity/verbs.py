"""What may be done in a person's name, and the scopes of which a token needs one for it."""

from __future__ import annotations

from facility.errors import NotAllowed, Refused

_READING = ("ls", "stat", "file-type", "read", "head", "tail", "checksum")
_WRITING = ("write", "mkdir", "symlink", "move", "copy", "remove", "chmod", "chown", "compress", "extract")

SCOPES_OF: dict[str, frozenset[str]] = {
    **dict.fromkeys(("sbatch", "scancel", "job-control"), frozenset({"jobs:submit"})),
    "estimate": frozenset({"jobs"}),
    "reservation": frozenset({"reservations:manage"}),
    **dict.fromkeys(_READING, frozenset({"files"})),
    **dict.fromkeys(_WRITING, frozenset({"files:write"})),
    "transfer": frozenset({"transfers"}),
    "command": frozenset({"commands"}),
}
"""Verb of the worker that acts for people -> scopes. What only a hub asks for (put-claim, tail-log) is not granted."""

OF_A_HUB = frozenset({"estimate"})
"""What a hub's token gives leave for, whoever it is about: questions that only the person can put, no acts."""


def check_verbs(verbs: frozenset[str], scopes: frozenset[str]) -> None:
    """Raises Refused for a verb that does not exist, NotAllowed for one that the scopes do not open."""
    for verb in sorted(verbs):
        opened = SCOPES_OF.get(verb)
        if opened is None:
            raise Refused(f"there is nothing called {verb[:40]!r} that can be done in a person's name")
        if not opened & scopes:
            raise NotAllowed(f"{verb} needs a token with the scope {' or '.join(sorted(opened))}")
