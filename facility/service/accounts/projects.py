"""Projects, which Slurm calls accounts: who is what in them, and their hours; asked for when needed, then kept."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass, field

from facility.errors import FacilityError, NotFound
from facility.models import Entitlement
from facility.providers.slurm import Slurm
from facility.providers.slurm.sshare import Usage
from facility.service.caller import Caller
from facility.service.clock import Clock
from facility.service.scheduler.facts import Facts

KEPT = 300.0
"""Seconds for which hours and coordinators are taken to be the same: two questions in five minutes at most."""

PI, USER = "pi", "user"


@dataclass(frozen=True)
class Hours:
    """What was given (None where it is not limited) and used, in hours of one resource."""

    given: float | None
    used: float | None


@dataclass(frozen=True)
class Project:
    """One account, as one of its people has it."""

    account: str
    description: str
    role: str  # PI (a coordinator of the account) or USER
    shares: dict[str, Usage] = field(repr=False)  # "": the whole account's; else the user's

    @property
    def number(self) -> int:
        """A number of its own, for an API that wants one: the same for the same name, at every start."""
        return zlib.crc32(self.account.encode())

    def hours(self, resource: str, user: str = "") -> Hours:
        """The hours of `resource` (node, cpu, gres/gpu), of the whole account or of one user in it."""
        share = self.shares.get(user)
        return Hours(share.given.get(resource), share.used.get(resource, 0.0)) if share else Hours(None, None)


@dataclass(frozen=True)
class _Known:
    coordinators: dict[str, frozenset[str]]
    shares: dict[str, dict[str, Usage]]  # account -> user -> usage


class Projects:
    """The accounts of everybody."""

    def __init__(self, slurm: Slurm, facts: Facts, clock: Clock) -> None:
        self._slurm = slurm
        self._facts = facts
        self._clock = clock
        self._known: _Known | None = None
        self._asked = -KEPT
        self._lock = asyncio.Lock()  # who comes while the scheduler is asked waits for that answer

    async def of(self, user: str) -> tuple[Project, ...]:
        """The projects of one person, the default one first. Raises Unreachable where nothing is known yet."""
        entitlements = (await self._facts.associations.known()).value.of(user)
        known = await self._answers()
        named = {entitlement.account: entitlement for entitlement in reversed(entitlements)}
        accounts = dict.fromkeys(entitlement.account for entitlement in entitlements)
        return tuple(self._project(named[account], known) for account in accounts)

    async def one(self, account: str, user: str) -> Project:
        """One of a person's projects. Raises NotFound for another's and for none."""
        for project in await self.of(user):
            if project.account == account:
                return project
        raise NotFound(f"{user} has no project {account!r} here")

    async def members(self, account: str) -> frozenset[str]:
        """Everybody who may charge the account."""
        entitlements = (await self._facts.associations.known()).value.entitlements
        return frozenset(entitlement.user for entitlement in entitlements if entitlement.account == account)

    async def knows(self, user: str, other: str) -> bool:
        """Whether they share a project; an operator knows everybody."""
        if user == other or await self._facts.is_operator(user):
            return True
        associations = (await self._facts.associations.known()).value
        shared = {mine.account for mine in associations.of(user)} & {
            theirs.account for theirs in associations.of(other)
        }
        return bool(shared)

    async def manages(self, user: str, account: str) -> bool:
        """Whether this person may decide for the account: its coordinators and the facility's operators."""
        if await self._facts.is_operator(user):
            return True
        return user in (await self._answers()).coordinators.get(account, frozenset())

    async def sees(self, caller: Caller, account: str) -> bool:
        """Whether the caller sees the jobs of an account, or, where it is empty, everybody's."""
        if caller.is_hub or await self._facts.is_operator(caller.user):
            return True
        return bool(account) and await self.manages(caller.user, account)

    async def _answers(self) -> _Known:
        async with self._lock:
            if self._known is None or self._clock.monotonic() - self._asked >= KEPT:
                try:
                    self._known = await self._ask()
                except FacilityError:
                    if self._known is None:
                        raise
                self._asked = self._clock.monotonic()
            return self._known

    async def _ask(self) -> _Known:
        shares: dict[str, dict[str, Usage]] = {}
        for usage in await self._slurm.usage():
            shares.setdefault(usage.account, {})[usage.user] = usage
        return _Known(await self._slurm.coordinators(), shares)

    @staticmethod
    def _project(entitlement: Entitlement, known: _Known) -> Project:
        coordinators = known.coordinators.get(entitlement.account, frozenset())
        role = PI if entitlement.user in coordinators else USER
        return Project(entitlement.account, entitlement.description, role, known.shares.get(entitlement.account, {}))
