"""What people type for spans and times, as the options of verbs take it."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

SLURM_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d+):(?P<minutes>\d\d)(?::(?P<seconds>\d\d))?")
UNITS = re.compile(r"(?P<figure>\d+(?:\.\d+)?)\s*(?P<unit>d|h|min|m|s)?")
SECONDS = {"d": 86400.0, "h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0, None: 60.0}


def span(text: str) -> timedelta:
    """ "2h", "90min", "1-12:00", "4:00" (hours:minutes), "30" (minutes, as sbatch reads it)."""
    if found := SLURM_TIME.fullmatch(text.strip()):
        value = timedelta(**{unit: int(figure or 0) for unit, figure in found.groupdict().items()})
    elif found := UNITS.fullmatch(text.strip()):
        value = timedelta(seconds=float(found["figure"]) * SECONDS[found["unit"]])
    else:
        raise argparse.ArgumentTypeError(f"{text!r} is no span; write e.g. 2h, 90min or 1-12:00:00")
    if value <= timedelta(0):
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all")
    return value


def moment(text: str) -> datetime:
    """ "now", "now+2h", or a time of ISO 8601, which without a zone is in this machine's."""
    wanted = text.strip()
    if wanted == "now" or wanted.startswith("now+"):
        later = wanted.removeprefix("now").removeprefix("+")
        return datetime.now(UTC) + (span(later) if later else timedelta(0))
    try:
        return datetime.fromisoformat(wanted).astimezone(UTC)
    except ValueError as error:
        words = f"{text!r} is no time; write e.g. 2026-11-22T18:00, now or now+2h"
        raise argparse.ArgumentTypeError(words) from error
