"""What verbs print: tables for people, JSON for programs. Names are other people's text and are made harmless here."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from facility.wire import encode

WIDE = 1000  # columns where standard output is no terminal: programs read one row a line
CONTROL = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # escapes, bidirectional marks, lone surrogates


def print_json(value: object) -> None:
    """A record as JSON in ASCII, as the service would tell it."""
    sys.stdout.write(json.dumps(encode(value), indent=2) + "\n")


def print_line(words: str) -> None:
    """One line for people."""
    sys.stdout.write(plain(words) + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, nothing: str) -> None:
    """A table; `nothing` is said where it has no rows."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(words(value))) for value in row))
    if not table.row_count:
        print_line(nothing)
        return
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    console.print(table)


def words(value: object) -> str:
    """A value for people: times in their zone, spans in hours and minutes, nothing for None."""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%a %d %b %H:%M %Z")
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def span(value: timedelta) -> str:
    """ "2 d 4 h", "4 h 30 min", "12 min", "40 s" """
    seconds = int(value.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    parts = [f"{figure} {unit}" for figure, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if figure]
    return " ".join(parts[:2]) or f"{seconds} s"


def until(moment: datetime | None) -> str:
    """How long from now, in words; empty for no time."""
    return "" if moment is None else span(max(moment - datetime.now(UTC), timedelta(0)))


def plain(text: str) -> str:
    """Text without anything that a terminal would obey."""
    return "".join(
        letter if unicodedata.category(letter) not in CONTROL else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
