"""What a store answered, kept until it changes: a hub looks at each of its servers every few seconds."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds between two looks whether somebody else wrote, an operator by hand."""


class Recent:
    """Answers of one database, true until its one connection here says what it wrote.

    What another connection wrote is seen within a second.

    Parameters
    ----------
    database : this process's only connection to it.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._answers: dict[Hashable, object] = {}
        self._state, self._looked = -1, float("-inf")

    def ask(self, key: Hashable, read: Callable[[], T]) -> T:
        """What `read` answers, by what it answered last to this key where nothing was written since.

        That there is nothing is not kept, so that no stranger's questions fill the memory.
        """
        if time.monotonic() - self._looked >= LOOK_EVERY:
            self._hear_others()
        if key in self._answers:
            return cast(T, self._answers[key])
        if (answer := read()) is not None:
            self._answers[key] = answer
        return answer

    def _hear_others(self) -> None:
        # PRAGMA data_version: changes with every commit of another connection (sqlite.org/pragma.html)
        state = self._database.execute("PRAGMA data_version").fetchone()[0]
        if state != self._state:
            self.forget_all()
        self._state, self._looked = state, time.monotonic()

    def forget(self, *keys: Hashable) -> None:
        """This connection wrote what these answers tell."""
        for key in keys:
            self._answers.pop(key, None)

    def forget_all(self) -> None:
        """This connection wrote what any answer may tell."""
        self._answers.clear()
