"""How strong a sign-in must be: by which factors, how fresh, and with which assurance of the home institution."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from facility.errors import NotAllowed
from facility.login import LoginFacts


class WeakLogin(NotAllowed):
    """A genuine sign-in that is not enough for this facility."""

    def __init__(self, lacking: list[str]) -> None:
        super().__init__("your sign-in is genuine, but this facility asks for more: " + "; ".join(lacking))


def shortcomings(claims: Mapping[str, object], asked: LoginFacts, now: float) -> list[str]:
    """What a sign-in lacks, in words; `now` in seconds since the epoch. A claim that is missing counts as not so.

    `acr` and `auth_time` are those of OpenID Connect Core, section 2.
    """
    lacking = []
    if asked.acr and claims.get("acr") not in asked.acr:
        found = claims.get("acr")
        told = f"it was {found}" if isinstance(found, str) else "your institution did not say how you signed in"
        lacking.append(f"a sign-in of the kind {' or '.join(asked.acr)} ({told})")
    if asked.max_age_minutes:
        at = claims.get("auth_time")
        age = now - at if isinstance(at, int | float) else None
        if age is None or age > asked.max_age_minutes * 60:
            told = f"yours was {timedelta(seconds=round(age))} ago" if age is not None else "it is not said when"
            lacking.append(f"a sign-in within the last {asked.max_age_minutes} minutes ({told})")
    for rule in asked.require:
        if not rule.holds(claims):
            lacking.append(f"{rule.claim} of your home institution: {' or '.join(rule.values)}")
    return lacking


def groups_of(claims: Mapping[str, object], asked: LoginFacts) -> set[str]:
    """The hub groups that these claims make somebody a member of."""
    return {name for name, rule in asked.groups.items() if rule.holds(claims)}


def step_up(asked: LoginFacts) -> dict[str, str]:
    """What the institution is asked for the second time (OpenID Connect Core, section 3.1.2.1)."""
    params = {"prompt": "login"}
    if asked.acr:
        params["acr_values"] = " ".join(asked.acr)
    if asked.max_age_minutes:
        params["max_age"] = str(asked.max_age_minutes * 60)
    return params
