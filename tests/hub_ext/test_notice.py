"""What the queue tells of a server's job reaches its spawner; what it tells of others' jobs reaches nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from facility.models import Job, JobChange, JobRequest, JobState
from hub_ext.notice import tell_spawners
from spawners.desk import Desk
from spawners.intents import Intent, IntentStore

REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=1))


@dataclass
class Feed:
    """Tells what a test says, and ends."""

    changes: Sequence[JobChange] = ()

    async def listen(self) -> AsyncIterator[JobChange]:
        """All of it."""
        for change in self.changes:
            yield change


@dataclass
class Spawner:
    """Notes what it was told."""

    told: list[Job] = field(default_factory=list)
    mistakes: int = 0

    def stirred(self, job: Job) -> None:
        """See FacilitySpawner."""
        if self.mistakes:
            self.mistakes -= 1
            raise KeyError("a mistake")
        self.told.append(job)


@dataclass
class User:
    """Somebody of the hub."""

    id: int
    name: str
    spawners: dict[str, Spawner]


@dataclass
class App:
    """The hub."""

    people: list[User]

    @property
    def users(self) -> dict[str | int, User]:
        """The people by their names and by their numbers, as JupyterHub finds them."""
        return {key: user for user in self.people for key in (user.name, user.id)}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with a store of intents and a feed, and nothing else."""
    store = IntentStore(tmp_path / "intents.sqlite")
    yield Desk(None, tmp_path, None, None, Feed(), None, None, store, dict)  # type: ignore[arg-type]  # the rest is not asked
    store.close()


@pytest.fixture
def intent(desk: Desk) -> Intent:
    """Ana's server, whose job is 7."""
    return desk.intents.submitted(desk.intents.plan("ana", "lab", REQUEST).nonce, "7")


@pytest.fixture
def job(desk: Desk, intent: Intent) -> Job:
    """That job."""
    return Job("7", "ana", desk.job_name(intent.nonce), JobState.COMPLETED, "COMPLETED")


async def tell(desk: Desk, *changes: JobChange) -> Spawner:
    """What ana's spawner hears of these changes."""
    spawner = Spawner()
    desk.feed.changes = changes  # type: ignore[attr-defined]  # the feed of this test
    await tell_spawners(App([User(1, "ana", {"lab": spawner})]), desk)
    return spawner


async def test_news_of_a_servers_job_reach_its_spawner(desk: Desk, job: Job) -> None:
    """By the job's name and number."""
    assert [job] == (await tell(desk, JobChange(1, "7", job))).told


async def test_who_has_another_number_by_now_is_found(desk: Desk, job: Job) -> None:
    """A person who was deleted and came back is a new one; their former number may be somebody else's."""
    await tell(desk, JobChange(1, "7", job))
    spawner, others = Spawner(), Spawner()
    again = App([User(1, "ben", {"lab": others}), User(2, "ana", {"lab": spawner})])

    await tell_spawners(again, desk)

    assert ([job], []) == (spawner.told, others.told)


async def test_news_of_other_jobs_reach_nobody(desk: Desk, job: Job) -> None:
    """A job that only has the name, one of another hub, one that is forgotten, and one of a person who is gone."""
    others = desk.intents.submitted(desk.intents.plan("ben", "lab", REQUEST).nonce, "8")
    changes = (
        JobChange(1, "9", replace(job, id="9")),
        JobChange(2, "7", replace(job, name="jupyter-other-hub")),
        JobChange(3, "7", None),
        JobChange(4, "8", replace(job, id="8", name=desk.job_name(others.nonce))),
    )

    assert [] == (await tell(desk, *changes)).told


async def test_a_mistake_does_not_end_the_listening(desk: Desk, job: Job, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and what comes next is passed on."""
    spawner = Spawner(mistakes=1)
    desk.feed.changes = [JobChange(1, "7", job)] * 2  # type: ignore[attr-defined]  # the feed of this test

    await tell_spawners(App([User(1, "ana", {"lab": spawner})]), desk)

    assert [job] == spawner.told
    assert "could not be passed on" in caplog.text
