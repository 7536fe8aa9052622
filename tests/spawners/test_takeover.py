"""What the stock spawner left running becomes ours once, by what JupyterHub kept of it; whose it is, Slurm says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from facility.models import Job, JobRequest, JobState
from spawners.intents import IntentStore
from spawners.start.endings import name_end
from spawners.takeover import Former, is_owned, left_running, take_over

STARTED = datetime(2026, 11, 23, 8, 0)  # as JupyterHub keeps its times
FORMER = Former("4711", "nid001", 45678, STARTED.replace(tzinfo=UTC))
KEPT = SimpleNamespace(server=SimpleNamespace(ip="nid001", port=45678), started=STARTED)
ITS_STATE = {"job_id": "4711", "job_status": "RUNNING nid001"}
REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=2))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IntentStore]:
    """An empty store."""
    store = IntentStore(tmp_path / "intents.sqlite")
    yield store
    store.close()


def test_a_server_of_the_stock_spawner_is_known_by_its_state() -> None:
    """The job's id and where JupyterHub reaches it."""
    assert left_running(ITS_STATE, KEPT) == FORMER


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ({}, KEPT),
        ({"job_id": ""}, KEPT),
        ({"job_id": "4711; scancel --me"}, KEPT),
        ({"job_id": 4711}, KEPT),
        ({"job_id": "4711", "nonce": "0f"}, KEPT),
        (ITS_STATE, SimpleNamespace(server=None, started=STARTED)),
    ],
)
def test_what_is_no_running_server_of_the_stock_spawner_is_left_alone(
    state: dict[str, object], kept: SimpleNamespace
) -> None:
    """No job, no number, a job of ours, or no server any more."""
    assert left_running(state, kept) is None


def test_a_server_is_taken_over_once(store: IntentStore) -> None:
    """With the job, the address and the time that were kept; whoever claims for it is refused."""
    take_over(store, "ana", "", FORMER, "perlmutter")
    take_over(store, "ana", "", FORMER, "perlmutter")

    (intent,) = store.all_open()
    assert ("4711", "nid001", 45678, "perlmutter") == (intent.job_id, intent.host, intent.port, intent.system)
    assert intent.planned == FORMER.started
    assert intent.is_taken_over
    assert "" == intent.secret_hash


def test_a_server_of_an_earlier_time_makes_room(store: IntentStore) -> None:
    """Ours first, then the stock spawner's for a while: the job that runs now counts."""
    earlier = store.submitted(store.plan("ana", "", REQUEST).nonce, "7")
    take_over(store, "ana", "", FORMER, "perlmutter")

    (intent,) = store.all_open()
    assert "4711" == intent.job_id
    assert store.is_known(earlier.nonce)


def test_the_job_is_its_owners_where_slurm_says_so() -> None:
    """Another name is another person; a number is an account that is gone."""
    owners = {
        user: is_owned(Job("7", user, "n", JobState.RUNNING, "RUNNING"), "ana") for user in ("ana", "ben", "1001")
    }

    assert {"ana": True, "ben": False, "1001": True} == owners


def test_its_end_is_named_without_what_nobody_knows(store: IntentStore) -> None:
    """How much walltime was asked for is not kept by the stock spawner."""
    take_over(store, "ana", "", FORMER, "perlmutter")
    (intent,) = store.all_open()

    ending = name_end(Job("4711", "ana", "n", JobState.TIMEOUT, "TIMEOUT"), intent)

    assert "Your job 4711 ended: its walltime was used up." == ending.words
