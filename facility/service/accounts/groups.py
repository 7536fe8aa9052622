"""Groups of people: the site's own Unix groups, which are only shown, and those that projects make here."""

from __future__ import annotations

import asyncio
import grp
import pwd
import re
from collections.abc import Collection
from dataclasses import dataclass

from facility.errors import NotAllowed, NotFound, OptionError
from facility.service.accounts.group_store import GroupStore, StoredGroup
from facility.service.accounts.people import groups_of, local_account
from facility.service.accounts.projects import Projects
from facility.service.clock import Clock

FIRST_GID = 2_000_000_000
"""The numbers of groups made here begin above those of Unix groups, with which they have nothing to do."""

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Group:
    """A group and who is in it; `account` is empty for a Unix group."""

    gid: int
    name: str
    users: tuple[str, ...]
    account: str = ""


class Groups:
    """Everybody's groups. Operators and a project's coordinators decide for the project's groups."""

    def __init__(self, store: GroupStore, projects: Projects, clock: Clock) -> None:
        self._store = store
        self._projects = projects
        self._clock = clock

    async def of(self, user: str) -> list[Group]:
        """The groups that this person is in."""
        unix = await asyncio.to_thread(_unix_groups, user)
        return [*unix, *(_group(stored) for stored in await asyncio.to_thread(self._store.of, user))]

    async def one(self, name: str, user: str) -> Group:
        """One group, for those who are in it or decide for it. Raises NotFound for others'."""
        for group in await asyncio.to_thread(_unix_groups, user):
            if group.name == name:
                return group
        found = await asyncio.to_thread(self._store.named, name)
        if user in found.users or await self._projects.manages(user, found.account):
            return _group(found)
        raise NotFound(f"there is no group {name!r} here")

    async def make(self, name: str, account: str, user: str) -> Group:
        """A new group of a project. Raises NotAllowed for those who do not decide for it, OptionError for its name."""
        if not NAME.fullmatch(name):
            raise OptionError("name", "a name begins with a letter and has up to 32 of a-z, 0-9, _ and -")
        await self._check_decides(user, account)
        if await asyncio.to_thread(_is_unix_group, name):
            raise OptionError("name", f"{name} is a Unix group of the site; choose another name")
        return _group(await asyncio.to_thread(self._store.add, name, account, user, self._clock.now()))

    async def add(self, name: str, users: Collection[str], user: str) -> Group:
        """Put people of the project into one of its groups. Raises OptionError for those who are not of the project."""
        found = await self._to_change(name, user)
        strangers = set(users) - await self._projects.members(found.account)
        if strangers:
            raise OptionError("usernames", f"{', '.join(sorted(strangers))} may not charge {found.account}")
        return _group(await asyncio.to_thread(self._store.put, found, users))

    async def remove(self, name: str, users: Collection[str], user: str) -> Group:
        """Take people out of a group."""
        found = await self._to_change(name, user)
        return _group(await asyncio.to_thread(self._store.take, found, users))

    async def _to_change(self, name: str, user: str) -> StoredGroup:
        if await asyncio.to_thread(_is_unix_group, name):
            raise NotAllowed(f"{name} is a Unix group; the site's administrators change it")
        await self.one(name, user)  # somebody else's reads as none
        found = await asyncio.to_thread(self._store.named, name)
        await self._check_decides(user, found.account)
        return found

    async def _check_decides(self, user: str, account: str) -> None:
        if not await self._projects.manages(user, account):
            raise NotAllowed(f"only the coordinators of {account} and operators may change its groups")


def _group(stored: StoredGroup) -> Group:
    return Group(FIRST_GID + stored.id, stored.name, stored.users, stored.account)


def _unix_groups(user: str) -> list[Group]:
    account = local_account(user)
    return [_unix_group(grp.getgrnam(name), account) for name in groups_of(account)]


def _unix_group(entry: grp.struct_group, account: pwd.struct_passwd) -> Group:
    """Its listed members, and this one, whose primary group it may be: that list does not tell."""
    return Group(entry.gr_gid, entry.gr_name, tuple(dict.fromkeys([account.pw_name, *entry.gr_mem])))


def _is_unix_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
