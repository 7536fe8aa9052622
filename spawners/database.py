"""A SQLite file of the hub's own: says in words when nothing can be written, and waits for the disk only where it must.

The hub's one loop stands still while it waits, a few milliseconds for each commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from spawners.failure import NotWritten

Write = Callable[[str, Sequence[object]], sqlite3.Cursor]


class Database(sqlite3.Connection):
    """Says in words that nothing can be written, most often because the disk is full."""

    def execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:  # type: ignore[override]  # the only forms that are used
        """See sqlite3. Raises NotWritten, a StoreFailed."""
        try:
            return super().execute(statement, values)
        except sqlite3.OperationalError as error:
            words = f"The hub's own store of servers does not take anything ({error}); servers that run go on."
            raise NotWritten(f"{words} Try again in a few minutes, or tell the people who run this hub.") from error

    def jot(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Commit without waiting for the disk: a killed hub loses nothing of it, a machine that loses power may.

        The next `execute` waits for this too. For what no start stands on, and what is written again just after.
        """
        self.execute("PRAGMA synchronous = NORMAL")
        try:
            return self.execute(statement, values)
        finally:
            self.execute("PRAGMA synchronous = FULL")
