"""The service's log: one JSON object a line on standard error, without secrets, and quiet under a lasting fault."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

QUIET = 60.0
"""Seconds in which the same warning or error is one line; the next one says how many were left out."""

LONGEST = 2000  # characters of a message
MOST_CAUSES = 1000  # that are remembered; then all are forgotten and may be told again

SECRETS = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"  # a JWT: tokens, assertions
    r"|(?<=[Bb]earer )[\w~+/.=-]{8,}"
    r"|-----BEGIN[^-]*PRIVATE KEY-----.*?(?:-----END[^-]*-----|$)"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # a password in a URL
    r"|(?<=whsec_)[\w+/=-]{8,}",
    re.DOTALL,
)


class Redacted(JsonFormatter):
    """JSON with the time in UTC; what looks like a secret is not written, whoever meant to."""

    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            datefmt="%Y-%m-%dT%H:%M:%SZ",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        return SECRETS.sub("[secret]", super().format(record))


class Quiet(logging.Filter):
    """Lets a warning or error of one cause through once in QUIET seconds, with the count of those before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[tuple[str, str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        if record.levelno < logging.WARNING:
            return True
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        cause = (record.name, str(record.msg)[:200], kind)
        now = self._clock()
        told_at, left_out = self._told.get(cause, (float("-inf"), 0))
        if now - told_at < QUIET:
            self._told[cause] = (told_at, left_out + 1)
            return False
        if len(self._told) >= MOST_CAUSES:
            self._told.clear()
        self._told[cause] = (now, 0)
        if left_out:
            record.left_out = left_out
        return True


class Short(logging.Filter):
    """Cuts messages: names and words of others stand in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter."""
        message = record.getMessage()
        if len(message) > LONGEST:
            record.msg, record.args = f"{message[:LONGEST]}…", ()
        return True


def set_up(stream: TextIO | None = None) -> None:
    """Let everything that this process logs go to `stream` (None: standard error), unless it goes somewhere already."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Redacted())
    handler.addFilter(Quiet())
    handler.addFilter(Short())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every start
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines hold whole addresses
