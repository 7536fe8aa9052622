"""rclone's log as JSON lines (rclone 1.63 and later, --use-json-log): figures each second, and what went wrong."""

from __future__ import annotations

import json
from typing import Any

from facility.service.transfers.engines.engine import Reached

LONGEST_LINE = 2**20
MOST_SKIPPED = 20
SPECIAL = "Can't transfer non file/directory"
NO_HASH = "no hashes in common"
LOUD = frozenset({"error", "critical", "fatal", "alert", "emergency"})


class RcloneLog:
    """What one run of rclone has said so far. Lines that are not its own are kept as words only."""

    def __init__(self, before: Reached) -> None:
        self._before = before
        self._rest = b""
        self._stats: dict[str, Any] = {}
        self._skipped = list(before.skipped)
        self.last_error = ""
        self.cannot_compare = False
        """Whether the two sides have no checksum in common."""

    def feed(self, piece: bytes) -> bool:
        """Read what came; whether there are new figures."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._rest = self._rest[-LONGEST_LINE:]
        news = [self._line(line) for line in lines if line.strip()]  # a list: every line must be read
        return any(news)

    @property
    def transferred(self) -> int:
        """Files that this run has copied."""
        return int(self._stats.get("transfers", 0))

    @property
    def checked(self) -> int:
        """Files that this run found on both sides and compared."""
        return int(self._stats.get("checks", 0))

    @property
    def reached(self) -> Reached:
        """How far the transfer is, with what earlier runs did."""
        before, stats = self._before, self._stats
        moved, total = int(stats.get("bytes", 0)), int(stats.get("totalBytes", 0))
        files = int(stats.get("totalTransfers", 0))
        return Reached(
            bytes_done=before.bytes_done + moved,
            bytes_total=before.bytes_done + max(moved, total),
            files_done=before.files_done + self.transferred,
            files_total=before.files_done + max(files, self.transferred),
            skipped=tuple(self._skipped),
            bytes_per_second=float(stats.get("speed", 0.0)),
        )

    @property
    def kept(self) -> Reached:
        """What is surely there if this run ends now: files that were only begun are begun anew."""
        begun = sum(int(file.get("bytes", 0)) for file in self._stats.get("transferring") or ())
        reached = self.reached
        return Reached(
            bytes_done=max(self._before.bytes_done, reached.bytes_done - begun),
            files_done=reached.files_done,
            skipped=reached.skipped,
        )

    def _line(self, line: bytes) -> bool:
        try:
            told = json.loads(line)
            level, words = told["level"], told["msg"]
        except (ValueError, KeyError, TypeError):
            self.last_error = line.decode(errors="backslashreplace")[:500]
            return False
        if "stats" in told:
            self._stats = told["stats"]
            return True
        if level in LOUD or (level == "notice" and words.startswith("Failed to ")):
            what = told.get("object", "")
            self.last_error = f"{what}: {words}"[:500] if what and told.get("objectType") != "string" else words[:500]
        self.cannot_compare |= NO_HASH in words
        if words == SPECIAL and told["object"] not in self._skipped and len(self._skipped) < MOST_SKIPPED:
            self._skipped.append(told["object"])
        return False
