"""Projects of account/projects: what may be charged, with the hours given and used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from facility.errors import Unreadable
from facility.models import Entitlement
from facility.providers.api import Found, an_object


def entitlements(projects: object, user: str) -> tuple[Entitlement, ...]:
    """The projects as accounts, without QOS; the API does not say which is the default one."""
    return tuple(
        Entitlement(user, name, (), balance_hours=_balance(project), description=str(project.get("description") or ""))
        for name, project in _named(projects)
    )


def hours_by_account(known: Iterable[Entitlement], projects: object) -> tuple[Entitlement, ...]:
    """Slurm's entitlements with the hours that the projects have left; accounts that are no project have none."""
    left = {name: _balance(project) for name, project in _named(projects)}
    return tuple(replace(one, balance_hours=left.get(one.account, one.balance_hours)) for one in known)


def _named(projects: object) -> list[tuple[str, Found]]:
    if not isinstance(projects, list):
        raise Unreadable("the Superfacility API told of no list of projects", str(projects))
    rows = [an_object(project) for project in projects]
    if not all(isinstance(row.get("repo_name"), str) for row in rows):
        raise Unreadable("the Superfacility API told of a project without a name", str(rows))
    return [(str(row["repo_name"]), row) for row in rows]


def _balance(project: Found) -> float | None:
    """Hours left of the user's share; None where the project has no allowance."""
    given, used = project.get("hours_given"), project.get("hours_used")
    if not isinstance(given, int | float) or not given:
        return None
    return float(given) - (float(used) if isinstance(used, int | float) else 0.0)
