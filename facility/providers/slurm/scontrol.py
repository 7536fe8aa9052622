"""scontrol(1): reservations, whose names only operators choose. `--oneliner` gives one reservation a line."""

from __future__ import annotations

import re

from facility.errors import FacilityError, NotAllowed, Refused, Unreachable, Unreadable
from facility.models import Reservation
from facility.providers.slurm.text import decode, moment, names, whole, word

KEY = re.compile(r"(?:^| )([A-Z][A-Za-z]*)=")
NONE = "No reservations in the system"


def argv(command: str) -> list[str]:
    """Ask for every reservation, also those of partitions that are hidden from the asker."""
    return [command, "--all", "--oneliner", "show", "reservation"]


def parse(stdout: bytes) -> tuple[Reservation, ...]:
    """Every reservation. Raises Unreadable, with the line, rather than leave one out."""
    text = decode(stdout).strip()
    if not text or text == NONE:
        return ()
    return tuple(_reservation(line) for line in text.splitlines())


def refusal(what: str, returncode: int, stderr: bytes) -> FacilityError | None:
    """What went wrong with an act, or None; Slurm's words follow `what`."""
    if returncode == 0:
        return None
    words = decode(stderr).strip() or f"scontrol ended with status {returncode} and no message"
    if returncode < 0 or "ontact" in words or "timed out" in words:
        return Unreachable(f"{what}: {words}; try again")
    if "denied" in words:
        return NotAllowed(f"{what}: {words}")
    return Refused(f"{what}: {words}")


def _reservation(line: str) -> Reservation:
    pieces = KEY.split(line)[1:]
    row = dict(zip(pieces[::2], pieces[1::2], strict=True))
    starts, ends = moment(row.get("StartTime", "")), moment(row.get("EndTime", ""))
    if starts is None or ends is None or not row.get("ReservationName"):
        raise Unreadable("scontrol printed a reservation without name or times; SLURM_TIME_FORMAT must be %s", line)
    return Reservation(
        name=row["ReservationName"],
        starts=starts,
        ends=ends,
        state=word(row.get("State", "")),
        node_list=word(row.get("Nodes", "")),
        node_count=whole(row.get("NodeCnt", "")) or 0,
        users=names(row.get("Users", "")),
        accounts=names(row.get("Accounts", "")),
        groups=names(row.get("Groups", "")),
        partition=word(row.get("PartitionName", "")),
        features=word(row.get("Features", "")),
        flags=names(row.get("Flags", "")),
    )
