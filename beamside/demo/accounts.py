"""Who is who: the people of the home institution, their local accounts, and the users that services run as."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass

from beamside.demo.people import People, everyone

INSTITUTION = "Lakeside University"
"""The made-up home institution of the demo's people."""


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in at the home institution."""

    login: str
    full_name: str

    @property
    def email(self) -> str:
        """An address in a domain that nobody can own (RFC 2606)."""
        return f"{self.login}@lakeside.example"


ANA, BEN, KIM = Person("ana", "Ana Reyes"), Person("ben", "Ben Okafor"), Person("kim", "Kim Larsen")
PEOPLE = (ANA, BEN, KIM)


@dataclass(frozen=True)
class Accounts:
    """The local names of one demonstration. Rootless, all of them are the one user, and ben and kim have none."""

    people: People
    hub: str
    facility: str
    institution: str
    identity: str

    @property
    def services(self) -> tuple[str, ...]:
        """The users that services run as."""
        return (self.hub, self.facility, self.institution, self.identity)

    def local(self, person: Person) -> str:
        """The local account of a person, empty where there is none."""
        return {ANA: self.people.ana, BEN: self.people.ben, KIM: self.people.kim}[person]


def choose_accounts(prefix: str = "") -> Accounts:
    """The local accounts this demonstration uses; as root every name starts with `prefix`."""
    if os.geteuid() != 0:
        me = getpass.getuser()
        return Accounts(everyone(), hub=me, facility=me, institution=me, identity=me)
    names = everyone()
    return Accounts(
        people=People(*(prefix + name for name in (names.ana, names.ben, names.kim, names.group))),
        hub=f"{prefix}beamside-hub",
        facility=f"{prefix}beamside-facility",
        institution=f"{prefix}beamside-home",
        identity=f"{prefix}beamside-identity",
    )
