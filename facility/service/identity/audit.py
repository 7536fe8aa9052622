"""The audit log of identity: one JSON line for every act, whom it was for, by whom, from where, and how it ended."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path

log = logging.getLogger(__name__)

LONGEST = 256
"""Characters of a value that are kept; what outsiders send must not fill the disk."""

LARGEST_FILE = 16 * 2**20
KEPT_FILES = 8

Value = str | int | bool


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A log file that its owner alone reads, the next one too."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        return os.fdopen(handle, "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        log.error("the audit log %s cannot be written; this was to be in it: %s", self.baseFilename, record.msg)


class Audit:
    """Lines in `audit.jsonl`, 0600, of which the last eight files of 16 MiB are kept. No line holds a secret."""

    def __init__(self, path: Path) -> None:
        self._file = _PrivateFile(path, maxBytes=LARGEST_FILE, backupCount=KEPT_FILES - 1, encoding="utf-8")
        self._file.setFormatter(logging.Formatter("%(message)s"))

    def note(self, act: str, outcome: str = "done", **facts: Value) -> None:
        """Write one line: what was done or refused, with its facts. A disk that is full loses the line, not the act."""
        kept = {name: value[:LONGEST] if isinstance(value, str) else value for name, value in facts.items()}
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "act": act, "outcome": outcome, **kept}
        text = json.dumps(line, ensure_ascii=True)
        self._file.handle(logging.LogRecord("audit", logging.INFO, "", 0, text, None, None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
