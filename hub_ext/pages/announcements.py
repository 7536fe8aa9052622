"""What stands at the top of every page: outages that are or come, what operators say, and what cannot be known now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from facility.status import Board, Condition, Note, Outage, Resource
from hub_ext.pages.institution import Reached
from hub_ext.pages.news import Heard
from spawners.form.spans import duration

AHEAD = timedelta(days=14)
"""How long before it begins a planned outage is announced."""

MOST = 8
"""How many are shown; of the others only their number."""


class Severity(IntEnum):
    """How much it concerns a reader; the gravest first. Each has its word and sign, so that no colour is needed."""

    DOWN = 0
    DEGRADED = 1
    PLANNED = 2
    NOTE = 3

    @property
    def word(self) -> str:
        """What stands before it."""
        return ("Out of order", "Works in part", "Planned", "Note")[self]

    @property
    def sign(self) -> str:
        """A sign of its own shape."""
        return ("✖", "◐", "◷", "ℹ")[self]


@dataclass(frozen=True)
class Announcement:
    """One of them. Every text may come from anybody who may announce: it is escaped where it is shown."""

    severity: Severity
    about: str  # a system's or partition's title; empty: the whole facility
    words: str
    starts: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True)
class Announcements:
    """What a page shows at its top."""

    shown: tuple[Announcement, ...]
    left_out: int = 0


def announcements(heard: Heard, institution: Reached, now: datetime) -> Announcements:
    """What there is to say at `now`, the gravest first, each by its beginning."""
    found = [*_sign_in(institution), *_silence(heard, now)]
    if heard.board is not None:
        found += _of_board(heard.board, now)
    found.sort(key=lambda one: (one.severity, one.starts or now))
    return Announcements(tuple(found[:MOST]), max(len(found) - MOST, 0))


def _sign_in(institution: Reached) -> Iterator[Announcement]:
    if institution.since is not None:
        words = (
            f"Signing in is not possible right now: {institution.problem}."
            " Whoever is signed in stays signed in, and servers that run go on."
        )
        yield Announcement(Severity.DOWN, "Sign-in", words, institution.since)


def _silence(heard: Heard, now: datetime) -> Iterator[Announcement]:
    if heard.since is None:
        return
    age = heard.age(now)
    known = "What it announces is not known" if age is None else f"What is said here is {duration(age)} old"
    words = f"The facility service does not answer. {known}. Servers that run go on."
    yield Announcement(Severity.DEGRADED, "", words, heard.since)


def _of_board(board: Board, now: datetime) -> Iterator[Announcement]:
    titles = {resource.name: resource.title for resource in board.resources}
    explained = set()
    for outage in board.outages:
        if outage.is_active(now):
            explained.add(outage.resource)
            yield _outage(outage, titles)
        elif not outage.is_over(now) and outage.starts - now <= AHEAD:
            yield _outage(outage, titles, coming=True)
    for resource in board.resources:
        if _is_news(resource) and not explained & {resource.name, ""}:
            yield Announcement(Severity.DOWN, resource.title, resource.words, resource.since)
    for note in board.notes:
        if note.is_active(now):
            yield _note(note, titles)


def _is_news(resource: Resource) -> bool:
    """Whether a reader must know of its state though nobody announced it; a few drained nodes are everyday."""
    return resource.kind in {"system", "partition"} and resource.state is Condition.DOWN


def _outage(outage: Outage, titles: dict[str, str], *, coming: bool = False) -> Announcement:
    severity = Severity.PLANNED if coming else Severity.DOWN
    if not coming and outage.state is Condition.DEGRADED:
        severity = Severity.DEGRADED
    about = titles.get(outage.resource, outage.resource)
    return Announcement(severity, about, outage.description, outage.starts, outage.ends)


def _note(note: Note, titles: dict[str, str]) -> Announcement:
    return Announcement(Severity.NOTE, titles.get(note.resource, note.resource), note.text, note.created, note.until)
