"""scontrol(1): reservations made, changed and ended, and what its answers mean. Only operators may; Slurm says so."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from facility.errors import FacilityError, NotAllowed, NotFound, Refused, Unreachable
from facility.models import Reservation
from facility.providers.slurm.sbatch import AMBIGUOUS
from facility.providers.slurm.text import decode

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
PREFIX = re.compile(r"^(?:scontrol: error: |slurm_update error: |Error \w+ the reservation: )+", re.MULTILINE)
DUPLICATE = "Duplicate reservation name"
NO_SUCH = ("Requested reservation is invalid", "not found")
NOT_YOURS = ("Invalid user id", "Access/permission denied", "Access denied")


class AlreadyThere(Refused):
    """A reservation of this name is there already; an earlier attempt may have made it."""


def create_argv(command: str, wanted: Reservation) -> list[str]:
    """Make it. Nodes are chosen by Slurm where `node_list` is empty; names are checked by `check`."""
    for name in (wanted.name, *wanted.users, *wanted.accounts, *wanted.groups, wanted.partition):
        check(name)
    fields = {
        "ReservationName": wanted.name,
        "StartTime": local(wanted.starts),
        "EndTime": local(wanted.ends),
        "Nodes": wanted.node_list,
        "NodeCnt": "" if wanted.node_list else str(wanted.node_count),
        "Users": ",".join(wanted.users),
        "Accounts": ",".join(wanted.accounts),
        "PartitionName": wanted.partition,
        "Features": wanted.features,
        "Flags": ",".join(wanted.flags),
    }
    return [command, "create", "reservation", *(f"{name}={value}" for name, value in fields.items() if value)]


def update_argv(command: str, name: str, ends: datetime | None, nodes: int | None) -> list[str]:
    """Give it another end or another number of nodes."""
    check(name)
    fields = {"EndTime": local(ends) if ends else "", "NodeCnt": str(nodes) if nodes else ""}
    return [command, "update", f"ReservationName={name}", *(f"{key}={value}" for key, value in fields.items() if value)]


def delete_argv(command: str, name: str) -> list[str]:
    """End it."""
    check(name)
    return [command, "delete", f"ReservationName={name}"]


def problem(user: str, returncode: int, stderr: bytes) -> FacilityError | None:
    """What scontrol's answer means; None where it did it."""
    if returncode == 0:
        return None
    words = "; ".join(dict.fromkeys(PREFIX.sub("", decode(stderr).strip()).splitlines())) or f"status {returncode}"
    if DUPLICATE in words:
        return AlreadyThere(words)
    if any(text in words for text in NO_SUCH):
        return NotFound(f"Slurm knows no such reservation: {words}")
    if any(text in words for text in NOT_YOURS):
        return NotAllowed(f"Slurm lets {user} make and change no reservations, or knows no such user: {words}")
    if any(text in words for text in AMBIGUOUS):
        return Unreachable(f"Slurm did not say whether it did it: {words}")
    return Refused(f"Slurm refused: {words}")


def check(name: str) -> None:
    """Raises Refused for a name that could be read as something else."""
    if name and not NAME.fullmatch(name):
        raise Refused(f"{name[:64]!r} cannot be a name here: letters, digits, '_', '.' and '-' only")


def local(moment: datetime) -> str:
    """A time as scontrol reads it: the local time of its host."""
    return f"{moment.astimezone(UTC).astimezone():%Y-%m-%dT%H:%M:%S}"
