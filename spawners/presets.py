"""What a person chose last, and choices kept under a name: for all servers of that person, in the store of intents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from facility.errors import OptionError
from spawners.database import Database, Write

_SCHEMA = """
CREATE TABLE IF NOT EXISTS presets (
    user TEXT NOT NULL, name TEXT NOT NULL, choices TEXT NOT NULL, saved REAL NOT NULL, PRIMARY KEY (user, name));
"""

LAST = ""
"""The name under which the last choice stands; nobody can save one so."""

MOST = 12
"""Presets of one person."""

LONGEST_NAME = 40
LONGEST_CHOICES = 4_096
"""Characters of the stored JSON; nine short fields never reach it."""


@dataclass(frozen=True)
class Preset:
    """Choices as a person writes them; the door judges them when they are used, however they were judged before."""

    name: str  # LAST for what was started last
    choices: dict[str, str]
    saved: datetime


class Presets:
    """Everybody's presets.

    Parameters
    ----------
    database : the store of intents, which commits each statement.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._database.executescript(_SCHEMA)

    def of(self, user: str) -> list[Preset]:
        """The last choice first, then the presets by name."""
        rows = self._database.execute(
            "SELECT name, choices, saved FROM presets WHERE user = ? ORDER BY name COLLATE NOCASE", (user,)
        )
        found = [Preset(name, json.loads(choices), datetime.fromtimestamp(saved, UTC)) for name, choices, saved in rows]
        return sorted(found, key=lambda preset: preset.name != LAST)

    def one(self, user: str, name: str) -> Preset | None:
        """The preset of this name, if there is one."""
        return next((preset for preset in self.of(user) if preset.name == name), None)

    def keep_last(self, user: str, choices: Mapping[str, str]) -> None:
        """Remember what was started."""
        self._put(user, LAST, choices, self._database.jot)

    def save(self, user: str, name: str, choices: Mapping[str, str]) -> str:
        """Keep choices under a name, in place of those of the same name; returns the name as kept.

        Raises OptionError for a name that cannot be one, and when there are MOST already.
        """
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise OptionError("preset_name", f"give the choices a name of 1 to {LONGEST_NAME} characters")
        mine = {preset.name for preset in self.of(user)} - {LAST}
        if name not in mine and len(mine) >= MOST:
            raise OptionError("preset_name", f"you have {MOST} saved choices, as many as fit; delete one first")
        self._put(user, name, choices, self._database.execute)
        return name

    def forget(self, user: str, name: str) -> None:
        """Delete a preset; one that is not there is gone already."""
        self._database.execute("DELETE FROM presets WHERE user = ? AND name = ?", (user, name))

    def _put(self, user: str, name: str, choices: Mapping[str, str], write: Write) -> None:
        text = json.dumps(dict(choices))
        if len(text) > LONGEST_CHOICES:
            raise OptionError("preset_name", "these choices are too long to be kept")
        write("INSERT OR REPLACE INTO presets VALUES (?, ?, ?, ?)", (user, name, text, datetime.now(UTC).timestamp()))
