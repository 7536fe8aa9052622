"""The groups that projects make here: statements, each in one transaction. They block and raise StoreFailed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from facility.errors import NotFound, OptionError
from facility.service.database import Database, Moment, service_tables

MOST_GROUPS = 100
"""Groups of one project."""

groups = Table(
    "groups",
    service_tables,
    Column("id", Integer, primary_key=True),
    Column("name", String(32), nullable=False, unique=True),
    Column("account", String(64), nullable=False, index=True),
    Column("made_by", String(32), nullable=False),
    Column("made", Moment, nullable=False),
)

members = Table(
    "group_members",
    service_tables,
    Column("group", Integer, ForeignKey("groups.id"), primary_key=True),
    Column("user", String(32), primary_key=True, index=True),
)


@dataclass(frozen=True)
class StoredGroup:
    """A group of a project's people."""

    id: int
    name: str
    account: str
    users: tuple[str, ...]


class GroupStore:
    """Who is in which group."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, account: str, made_by: str, now: datetime) -> StoredGroup:
        """A new group with its maker in it. Raises OptionError where the name is taken, or the project has too many."""
        row = {"name": name, "account": account, "made_by": made_by, "made": now}
        try:
            with self._database.writing() as connection:
                held = connection.execute(select(func.count()).where(groups.c.account == account)).scalar_one()
                if held >= MOST_GROUPS:
                    raise OptionError("name", f"{account} has {held} groups, and no more are kept")
                made = connection.execute(insert(groups).values(**row).returning(groups.c.id)).scalar_one()
                connection.execute(insert(members).values(group=made, user=made_by))
        except IntegrityError as error:
            raise OptionError("name", f"there is a group {name} already; choose another name") from error
        return StoredGroup(made, name, account, (made_by,))

    def named(self, name: str) -> StoredGroup:
        """One group. Raises NotFound."""
        found = self._find([name])
        if not found:
            raise NotFound(f"there is no group {name!r} here")
        return found[0]

    def of(self, user: str) -> list[StoredGroup]:
        """The groups that this person is in."""
        query = select(groups.c.name).join(members).where(members.c.user == user)
        with self._database.reading() as connection:
            names = connection.execute(query).scalars().all()
        return self._find(names)

    def put(self, group: StoredGroup, users: Collection[str]) -> StoredGroup:
        """Add people; those who are in it stay."""
        with self._database.writing() as connection:
            held = set(connection.execute(select(members.c.user).where(members.c.group == group.id)).scalars())
            for user in sorted(set(users) - held):
                connection.execute(insert(members).values(group=group.id, user=user))
        return self.named(group.name)

    def take(self, group: StoredGroup, users: Collection[str]) -> StoredGroup:
        """Take people out; those who are not in it are no error."""
        with self._database.writing() as connection:
            connection.execute(delete(members).where(members.c.group == group.id, members.c.user.in_(users)))
        return self.named(group.name)

    def _find(self, names: Collection[str]) -> list[StoredGroup]:
        found: dict[int, StoredGroup] = {}
        query = select(groups, members.c.user).outerjoin(members).where(groups.c.name.in_(names))
        with self._database.reading() as connection:
            for row in connection.execute(query.order_by(groups.c.name, members.c.user)):
                known = found.get(row.id)
                users = (*(known.users if known else ()), *((row.user,) if row.user else ()))
                found[row.id] = StoredGroup(row.id, row.name, row.account, users)
        return list(found.values())
