"""What a site asks of a sign-in: at which home institutions, how strong and how fresh, and with which claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,62}$")]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimRule(_Facts):
    """Something that a sign-in may say of a person: a claim that is, or lists, one of these values."""

    claim: str = Field(min_length=1)  # e.g. "eduperson_assurance", "eduperson_entitlement", "isMemberOf"
    values: tuple[str, ...] = Field(min_length=1)

    def holds(self, claims: Mapping[str, object]) -> bool:
        """Whether these claims say so; values are compared exactly."""
        told = claims.get(self.claim)
        return any(value in self.values for value in (told if isinstance(told, list) else [told]))


class LoginFacts(_Facts):
    """`[service.login]` of facility.toml."""

    acr: tuple[str, ...] = ()  # how one must have signed in: one of these; empty: it does not matter
    max_age_minutes: int = Field(default=0, ge=0)  # how long ago at most; 0: it does not matter
    require: tuple[ClaimRule, ...] = ()  # what else must be said, all of it
    groups: dict[Name, ClaimRule] = {}  # hub group -> what makes a member of it
    idps: tuple[str, ...] = ()  # ids of home institutions, compared exactly; empty: any that the issuer knows
