"""sshare(1): what each account and each of its users was given and has used, as GrpTRESMins counts it.

It answers from the controller by one RPC. The figures are those that limits are held against: they decay with
PriorityDecayHalfLife, and begin anew with PriorityUsageResetPeriod, where a site sets these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from facility.errors import Unreadable
from facility.models import Entitlement
from facility.providers.slurm.text import decode, word

FIELDS = ("Account", "User", "GrpTRESMins", "GrpTRESRaw")
SOME_MORE = ("Partition",)  # an association of one partition is a share of its user's; it would count twice


@dataclass(frozen=True)
class Usage:
    """Hours of one account (`user` is empty), or of one user in it, by resource: node, cpu and gres/gpu."""

    account: str
    user: str
    given: dict[str, float]  # a resource that is not limited is not in it
    used: dict[str, float]


def argv(command: str) -> list[str]:
    """Ask for every account and every user."""
    return [command, "--all", "--noheader", "--parsable2", f"--format={','.join((*FIELDS, *SOME_MORE))}"]


def parse(stdout: bytes) -> tuple[Usage, ...]:
    """Every share. Raises Unreadable, with the line, rather than leave one out."""
    found = []
    for line in decode(stdout).splitlines():
        values = line.split("|")
        if len(values) != len(FIELDS) + len(SOME_MORE):
            raise Unreadable(f"sshare printed a row without {', '.join(FIELDS)}", line)
        account, user, given, used, partition = values
        if not word(partition):
            found.append(Usage(account.strip(), user.strip(), _hours(given), _hours(used)))
    return tuple(found)


def with_balance(entitlements: Iterable[Entitlement], usage: Iterable[Usage]) -> tuple[Entitlement, ...]:
    """The entitlements with the node and billing hours that are left: the person's own share, or the account's if less.

    What an account above it may have left is not looked at.
    """
    known = tuple(usage)
    nodes, billing = _left(known, "node"), _left(known, "billing")
    return tuple(
        replace(
            one,
            balance_hours=_least(nodes.get((one.account, one.user)), nodes.get((one.account, ""))),
            billing_hours_left=_least(billing.get((one.account, one.user)), billing.get((one.account, ""))),
        )
        for one in entitlements
    )


def _left(usage: Iterable[Usage], resource: str) -> dict[tuple[str, str], float]:
    """By account and user, where a limit is set."""
    return {
        (share.account, share.user): max(share.given[resource] - share.used.get(resource, 0.0), 0.0)
        for share in usage
        if resource in share.given
    }


def _least(own: float | None, account: float | None) -> float | None:
    return min((hours for hours in (own, account) if hours is not None), default=None)


def _hours(minutes: str) -> dict[str, float]:
    """A TRES list of minutes, e.g. "cpu=32,node=4", in hours."""
    pairs = (entry.rpartition("=") for entry in word(minutes).split(",") if "=" in entry)
    return {name: float(figure) / 60 for name, _, figure in pairs if figure.replace(".", "", 1).isdecimal()}
