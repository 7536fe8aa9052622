"""What a token may be used for: the scopes of this facility (RFC 6749, section 3.3), each with its meaning."""

from __future__ import annotations

HUB = "hub"
"""A token with this scope reads for everybody and acts as nobody."""

SCOPES = {
    "identity": "one's own clients (keys) and linked logins",
    "accounts": "what one may charge, projects, groups",
    "images": "the images one may start",
    "reservations": "read reservations, and whether they admit one",
    "reservations:request": "ask for a reservation, shrink or release one's own",
    "reservations:manage": "approve, change and end reservations; operators only",
    "jobs": "read jobs and their events",
    "jobs:submit": "submit, hold, release, signal and cancel jobs",
    "files": "list and read files",
    "files:write": "write, move and remove files",
    "transfers": "start, follow and cancel transfers",
    "callbacks": "be called back about what happens",
    "commands": "run one's own shell; off unless the site switches it on",
    "status:manage": "set the state of resources, notes and outages; operators only",
    HUB: "a hub's own: read for everybody, act for nobody",
}
"""Scope -> what it opens."""

OPERATORS = frozenset({"reservations:manage", "status:manage"})
"""Of use only to those whom accounting calls operators or administrators, whatever a token says."""

PERSONAL = frozenset(SCOPES) - {HUB}
"""What a person's token may hold."""

USER = "user"
"""What a client's registration says that may have everything its site lets a person's token hold."""

DEFAULT_CEILING = tuple(scope for scope in SCOPES if scope in PERSONAL and scope != "commands")
"""What a site lets its users' tokens hold unless its profile says otherwise."""


def read_scopes(text: str) -> frozenset[str]:
    """The scopes in a space separated list. Raises ValueError naming the first that does not exist."""
    found = frozenset(text.split())
    if unknown := sorted(found - set(SCOPES)):
        raise ValueError(f"there is no scope {unknown[0][:40]!r}; there are {' '.join(SCOPES)}")
    return found


def write_scopes(scopes: frozenset[str]) -> str:
    """The scopes as a token holds them, always in the same order."""
    return " ".join(scope for scope in SCOPES if scope in scopes)
