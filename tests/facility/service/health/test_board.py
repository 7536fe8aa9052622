"""How the facility is: from the scheduler, from Slurm's maintenance, from a file, and from operators."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facility.errors import Unreachable, Unreadable
from facility.models import Partition, Reservation
from facility.profile import read_profile
from facility.providers.slurm import Slurm
from facility.service.database import Database
from facility.service.health.board import StatusBoard
from facility.service.health.outages_file import OutagesFile
from facility.service.health.store import StatusStore
from facility.service.scheduler.facts import Facts, Known
from facility.service.scheduler.ledger import Ledger
from facility.service.watched import Watched
from facility.status import Condition
from facility.testing import FakeClock, FakeScheduler

if TYPE_CHECKING:
    from ..conftest import Served

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
PROFILE = """
name = "t"
[service]
url = "http://127.0.0.1:8400"
outages_file = "{path}"
[systems.sidecar]
title = "Sidecar"
"""


class Site:
    """A board whose facts a test sets."""

    def __init__(self, database: Database, path: Path) -> None:
        self.clock = FakeClock(NOW)
        profile = read_profile(PROFILE.format(path=path))
        self.facts = Facts(Slurm(profile.system, FakeScheduler({})), self.clock)
        self.scheduler = Watched("scheduler", self.clock)
        self.store = StatusStore(database)
        self.board = StatusBoard(profile, self.facts, Ledger(), self.scheduler, self.store, self.clock)

    def partitions(self, *found: Partition) -> None:
        """What sinfo says from now on."""
        self.facts.partitions.adopt(Known(found, self.clock.now()))

    def reservations(self, *found: Reservation) -> None:
        """What scontrol says from now on."""
        self.facts.reservations.adopt(Known(found, self.clock.now()))

    async def scheduler_answers(self, problem: str = "") -> None:
        """Or does not."""
        try:
            async with self.scheduler.use():
                if problem:
                    raise Unreachable(problem)
        except Unreachable:
            return


@pytest.fixture
def site(database_address: str, tmp_path: Path) -> Iterator[Site]:
    """A site with one system and an outages file that is not there yet."""
    database = Database(database_address, "service")
    (tmp_path / "outages.toml").write_text("", encoding="utf-8")
    yield Site(database, tmp_path / "outages.toml")
    database.close()


def a_partition(unavailable: int = 0, *, is_up: bool = True) -> Partition:
    """Eight nodes."""
    return Partition("main", is_up, True, None, 8, 3, 16, 32000, unavailable_nodes=unavailable)


async def test_a_system_is_as_its_scheduler_and_nodes_are(site: Site) -> None:
    """Unknown at first; degraded while nodes cannot be used; down while the scheduler does not answer."""
    states = [site.board.resource("sidecar").state]
    await site.scheduler_answers()
    site.partitions(a_partition())
    states.append(site.board.resource("sidecar").state)
    site.partitions(a_partition(2))
    degraded = site.board.resource("sidecar")
    site.partitions(a_partition(8))
    whole = site.board.resource("partition:main")
    await site.scheduler_answers("socket timed out")
    down = site.board.resource("sidecar")

    assert [Condition.UNKNOWN, Condition.UP] == states
    assert (Condition.DEGRADED, "main: 2 of 8 nodes cannot be used") == (degraded.state, degraded.words)
    assert (Condition.DOWN, {"nodes": 8, "idle": 3, "unavailable": 8}) == (whole.state, whole.figures)
    assert (Condition.DOWN, True) == (down.state, "socket timed out" in down.words)


async def test_slurms_maintenance_is_a_planned_outage(site: Site) -> None:
    """Reservations with the flag MAINT, and no others; while one of the whole system lasts it is down."""
    await site.scheduler_answers()
    maintenance = Reservation("pm", NOW + HOUR, NOW + 2 * HOUR, "INACTIVE", flags=("MAINT", "SPEC_NODES"))
    site.reservations(maintenance, Reservation("beam", NOW, NOW + HOUR, "ACTIVE"))
    before, (outage,) = site.board.resource("sidecar").state, site.board.outages("sidecar")
    await site.clock.advance(1.5 * 3600)
    during = site.board.resource("sidecar")
    await site.clock.advance(3600)

    assert ("reservation", True, NOW + HOUR) == (outage.source, outage.planned, outage.starts)
    assert [Condition.UP, Condition.DOWN] == [before, during.state]
    assert ((), 1) == (site.board.outages(), len(site.board.outages(past=True)))


async def test_the_file_is_read_again_when_it_changes_and_a_bad_one_changes_nothing(site: Site, tmp_path: Path) -> None:
    """The last good outages stay; what is wrong is said."""
    path = tmp_path / "outages.toml"
    good = 'resource = "sidecar"\nstarts = 2026-01-02T08:00:00Z\nends = 2026-01-02T18:00:00-08:00\ndescription = "PM"\n'
    path.write_text(f"[[outage]]\n{good}", encoding="utf-8")
    await site.board.read()
    (outage,) = site.board.outages("sidecar")
    path.write_text("[[outage]]\nstarts = 2026-01-02T08:00:00\n", encoding="utf-8")
    with pytest.raises(Unreadable, match=r"outage\.0\.starts.*outage\.0\.ends"):
        await site.board.read()

    assert ("PM", "file", timedelta(hours=18)) == (outage.description, outage.source, outage.ends - outage.starts)
    assert (outage,) == site.board.outages()


@pytest.mark.parametrize("text", ["x", "[[outage]]\nwhat = 1\n", "outage = 7\n"])
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str) -> None:
    """With the file's path."""
    path = tmp_path / "outages.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(Unreadable, match=str(path)):
        OutagesFile(path).read()


async def test_operators_announce_and_end_outages(site: Site) -> None:
    """One that begins now makes the resource down at once; one to come can be cancelled."""
    await site.scheduler_answers()
    now = await site.board.post_outage("kim", "sidecar", NOW, None, "power", state=Condition.DEGRADED)
    later = await site.board.post_outage("kim", "", NOW + HOUR, NOW + 2 * HOUR, "cooling")
    during = site.board.resource("sidecar")
    await site.clock.advance(60)
    ended, cancelled = [await site.board.end_outage("kim", outage.id) for outage in (now, later)]

    assert (Condition.DEGRADED, "power", NOW) == (during.state, during.words, during.since)
    assert ([False, True], NOW + timedelta(minutes=1), True) == (
        [now.planned, later.planned], ended.ends, cancelled.cancelled,
    )  # fmt: skip
    assert ((), 2) == (site.board.outages(), len(site.board.outages(past=True)))


async def test_what_one_process_posts_is_known_to_the_next(site: Site, tmp_path: Path) -> None:
    """Also after a restart: it lies in the database."""
    await site.board.post_note("kim", "sidecar", "New compilers", NOW + HOUR)
    other = Site(site.store._database, tmp_path / "outages.toml")
    await other.board.read()
    (note,) = other.board.notes("sidecar")
    await other.clock.advance(3601)

    assert ("New compilers", "kim") == (note.text, note.by)
    assert ((), 1) == (other.board.notes(), len(other.board.notes(past=True)))


async def test_a_turn_is_told_once_with_the_same_cause_everywhere(site: Site) -> None:
    """Nothing at the start, and nothing of what was unknown before."""
    told = [site.board.turns()]
    await site.scheduler_answers()
    told.append(site.board.turns())
    await site.scheduler_answers("socket timed out")
    (turn,) = site.board.turns()

    assert [[], []] == told
    assert ("resource.status", "sidecar", "unavailable", ()) == (
        turn.event, turn.data["name"], turn.data["status"], turn.users,
    )  # fmt: skip
    assert [] == site.board.turns()


async def test_since_when_is_kept_while_the_state_is(site: Site) -> None:
    """A new answer that says the same is no turn."""
    site.partitions(a_partition())
    site.board.turns()
    await site.clock.advance(600)
    site.partitions(a_partition())

    assert site.board.resource("partition:main").since == NOW


async def test_anybody_reads_and_operators_write(served: Served) -> None:
    """Without a token everything is told; only an operator's token announces, and a slip is refused with words."""
    body = {"resource": "test", "description": "power"}
    paths = ("resources", "outages", "notes", "board")
    open_ = [(await served.http.get(f"/health/{path}")).status_code for path in paths]
    refused = [
        (await served.http.post("/health/outages", json=body)).status_code,
        (await served.http.post("/health/outages", json=body, headers=served.headers())).status_code,
    ]
    operator = served.headers("kim", "status:manage")
    made = await served.http.post("/health/outages", json=body, headers=operator)
    wrong = await served.http.post("/health/outages", json=body | {"resource": "tset"}, headers=operator)
    shown = (await served.http.get("/health/resources/test")).json()
    board = (await served.http.get("/health/board")).json()
    ended = await served.http.delete(f"/health/outages/{made.json()['id']}", headers=operator)
    note = await served.http.post("/health/notes", json={"text": "hello"}, headers=operator)
    gone = await served.http.delete(f"/health/notes/{note.json()['id']}", headers=operator)

    assert ([200, 200, 200, 200], [401, 403]) == (open_, refused)
    assert (201, 404, 200, 201, 204) == (
        made.status_code, wrong.status_code, ended.status_code, note.status_code, gone.status_code,
    )  # fmt: skip
    assert ("down", "power") == (shown["state"], shown["words"])
    assert (["power"], "down") == ([one["description"] for one in board["outages"]], board["resources"][0]["state"])
    assert [] == (await served.http.get("/health/outages")).json()["outages"]
