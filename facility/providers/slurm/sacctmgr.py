"""sacctmgr(1): who may charge which account with which QOS. Names are the administrators'; descriptions stand last."""

from __future__ import annotations

from dataclasses import dataclass

from facility.errors import Unreadable
from facility.models import Entitlement, Qos
from facility.providers.slurm.text import decode, duration, names, tres, whole, word

ASSOCIATION = ("User", "AdminLevel", "DefaultAccount", "Account", "Partition", "DefaultQOS", "QOS")
QOS = ("Name", "Priority", "MaxWall", "MaxTRESPerUser", "GrpTRES", "MaxTRES", "MaxSubmitJobsPerUser",
       "UsageFactor", "Description")  # fmt: skip
ACCOUNT = ("Account", "Description")
COORDINATORS = ("Account", "Coordinators")


@dataclass(frozen=True)
class Associations:
    """What accounting knows of people: their entitlements, and who is an operator or administrator of Slurm."""

    entitlements: tuple[Entitlement, ...]
    operators: frozenset[str]

    def of(self, user: str) -> tuple[Entitlement, ...]:
        """The entitlements of one user, the default account's first."""
        own = [entitlement for entitlement in self.entitlements if entitlement.user == user]
        return tuple(sorted(own, key=lambda entitlement: (not entitlement.is_default, entitlement.account)))


def associations_argv(command: str, user: str = "") -> list[str]:
    """Ask for the associations of everybody, or of one user."""
    chosen = ["where", f"user={user}"] if user else []
    line = [command, "--noheader", "--parsable2", "show", "user", "withassoc", *chosen]
    return [*line, f"format={','.join(ASSOCIATION)}"]


def qos_argv(command: str) -> list[str]:
    """Ask for every QOS with the limits a form needs."""
    return [command, "--noheader", "--parsable2", "show", "qos", f"format={','.join(QOS)}"]


def accounts_argv(command: str) -> list[str]:
    """Ask how each account describes itself."""
    return [command, "--noheader", "--parsable2", "show", "account", f"format={','.join(ACCOUNT)}"]


def coordinators_argv(command: str) -> list[str]:
    """Ask who coordinates each account."""
    line = [command, "--noheader", "--parsable2", "show", "account", "withcoord"]
    return [*line, f"format={','.join(COORDINATORS)}"]


def parse_coordinators(stdout: bytes) -> dict[str, frozenset[str]]:
    """Account -> its coordinators, whom a Superfacility calls principal investigators."""
    return {row["Account"]: frozenset(names(row["Coordinators"])) for row in _rows(stdout, COORDINATORS)}


def parse_associations(stdout: bytes, descriptions: dict[str, str]) -> Associations:
    """Entitlements and operators. Raises Unreadable rather than leave somebody out."""
    rows = _rows(stdout, ASSOCIATION)
    operators = frozenset(row["User"] for row in rows if row["AdminLevel"] in {"Operator", "Administrator"})
    return Associations(tuple(_entitlement(row, descriptions) for row in rows if row["Account"]), operators)


def parse_accounts(stdout: bytes) -> dict[str, str]:
    """Account -> its description."""
    return {row["Account"]: row["Description"] for row in _rows(stdout, ACCOUNT)}


def parse_qos(stdout: bytes) -> tuple[Qos, ...]:
    """Every QOS. Raises Unreadable rather than leave one out."""
    return tuple(_qos(row) for row in _rows(stdout, QOS))


def _rows(stdout: bytes, fields: tuple[str, ...]) -> list[dict[str, str]]:
    rows = []
    for line in decode(stdout).splitlines():
        values = line.split("|", len(fields) - 1)
        if len(values) != len(fields):
            raise Unreadable(f"sacctmgr printed a row without {', '.join(fields)}", line)
        rows.append(dict(zip(fields, values, strict=True)))
    return rows


def _entitlement(row: dict[str, str], descriptions: dict[str, str]) -> Entitlement:
    return Entitlement(
        user=row["User"],
        account=row["Account"],
        qos=names(row["QOS"]),
        default_qos=word(row["DefaultQOS"]),
        partition=word(row["Partition"]),
        is_default=row["Account"] == row["DefaultAccount"],
        description=descriptions.get(row["Account"], ""),
    )


def _qos(row: dict[str, str]) -> Qos:
    limits = [tres(row[field], "node") for field in ("MaxTRESPerUser", "GrpTRES", "MaxTRES")]
    return Qos(
        name=row["Name"],
        priority=whole(row["Priority"]) or 0,
        max_walltime=duration(row["MaxWall"]),
        max_nodes=min((limit for limit in limits if limit is not None), default=None),
        max_submits_per_user=whole(row["MaxSubmitJobsPerUser"]),
        description=row["Description"],
        usage_factor=float(factor) if (factor := word(row["UsageFactor"])) else 1.0,
    )
