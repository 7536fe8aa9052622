"""Projects with their hours and roles, and the groups that they make; the store on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from facility.errors import NotAllowed, NotFound, OptionError
from facility.models import Entitlement
from facility.providers.slurm.sacctmgr import Associations, parse_coordinators
from facility.providers.slurm.sshare import Usage
from facility.service.accounts.group_store import GroupStore
from facility.service.accounts.groups import FIRST_GID, Groups
from facility.service.accounts.projects import KEPT, Projects
from facility.service.clock import SystemClock
from facility.service.database import Database
from facility.service.scheduler.facts import Known
from facility.testing import FakeClock

PEOPLE = (
    Entitlement("ana", "ncem", (), is_default=True),
    Entitlement("ben", "ncem", (), is_default=True),
    Entitlement("ana", "als", (), description="light source"),
    Entitlement("lee", "als", ()),
)


class FactsGiven:
    """The facts of a site with three people; kim is an operator."""

    def __init__(self) -> None:
        self.associations = self

    async def known(self) -> Known[Associations]:
        """Given."""
        return Known(Associations(PEOPLE, frozenset({"kim"})), SystemClock().now())

    async def is_operator(self, user: str) -> bool:
        """Given."""
        return user == "kim"


class SlurmGiven:
    """Slurm's answers about hours, counted."""

    asked = 0

    async def usage(self) -> tuple[Usage, ...]:
        """Given."""
        self.asked += 1
        return (Usage("ncem", "", {"node": 100.0}, {"node": 7.5, "cpu": 15.0}), Usage("ncem", "ana", {}, {"node": 2.5}))

    async def coordinators(self) -> dict[str, frozenset[str]]:
        """Given."""
        return parse_coordinators(b"als|\nncem|ana\n")


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands until it is moved."""
    return FakeClock()


@pytest.fixture
def slurm() -> SlurmGiven:
    """Hours and coordinators."""
    return SlurmGiven()


@pytest.fixture
def projects(slurm: SlurmGiven, clock: FakeClock) -> Projects:
    """The projects of the three."""
    return Projects(slurm, FactsGiven(), clock)  # type: ignore[arg-type]  # what is asked of them is there


@pytest.fixture
def groups(database_address: str, projects: Projects, monkeypatch: pytest.MonkeyPatch) -> Iterator[Groups]:
    """No groups yet; the people have no Unix groups."""
    monkeypatch.setattr("facility.service.accounts.groups._unix_groups", lambda user: [])
    database = Database(database_address, "service")
    yield Groups(GroupStore(database), projects, SystemClock())
    database.close()


async def test_a_project_has_hours_given_and_used_of_its_people_and_of_all(projects: Projects) -> None:
    """What is not limited is not given; a share that Slurm does not tell of is not known."""
    ncem, als = await projects.of("ana")

    assert (None, 2.5, 100.0, 7.5) == (*_pair(ncem.hours("node", "ana")), *_pair(ncem.hours("node")))
    assert (None, 15.0) == _pair(ncem.hours("cpu"))
    assert (None, None) == _pair(als.hours("node"))
    assert [("ncem", "pi"), ("als", "user")] == [(project.account, project.role) for project in (ncem, als)]
    with pytest.raises(NotFound):
        await projects.one("als", "ben")


async def test_hours_are_asked_for_once_in_five_minutes(
    projects: Projects, slurm: SlurmGiven, clock: FakeClock
) -> None:
    """Whoever asks."""
    for user in ("ana", "ben", "ana"):
        await projects.of(user)
    assert 1 == slurm.asked
    await clock.advance(KEPT)
    await projects.of("ana")

    assert 2 == slurm.asked


async def test_a_coordinator_makes_a_group_and_puts_people_of_the_project_in(groups: Groups) -> None:
    """And takes them out again; its members see it, others do not."""
    made = await groups.make("night-shift", "ncem", "ana")
    both = await groups.add("night-shift", ["ben", "ana"], "ana")

    assert (FIRST_GID + 1, ("ana",), ("ana", "ben")) == (made.gid, made.users, both.users)
    assert [both] == await groups.of("ben")
    with pytest.raises(NotFound):
        await groups.one("night-shift", "lee")
    await groups.remove("night-shift", ["ben"], "kim")
    assert [] == await groups.of("ben")


async def test_others_change_nothing_and_strangers_stay_out(groups: Groups) -> None:
    """Members see their group and change nothing; who is not of the project is named."""
    await groups.make("night-shift", "ncem", "ana")
    await groups.add("night-shift", ["ben"], "ana")

    with pytest.raises(NotAllowed, match="coordinators of ncem"):
        await groups.remove("night-shift", ["ana"], "ben")
    with pytest.raises(NotAllowed, match="coordinators of als"):
        await groups.make("als-night", "als", "ana")
    with pytest.raises(OptionError, match="lee may not charge"):
        await groups.add("night-shift", ["lee"], "ana")
    with pytest.raises(OptionError, match="already"):
        await groups.make("night-shift", "ncem", "kim")


@pytest.mark.parametrize("name", ["", "-x", "Night", "a" * 33, "root"])
async def test_a_groups_name_is_plain_and_not_the_sites_own(groups: Groups, name: str) -> None:
    """A Unix group is never shadowed."""
    with pytest.raises(OptionError):
        await groups.make(name, "ncem", "ana")


def _pair(hours) -> tuple[float | None, float | None]:
    return hours.given, hours.used
