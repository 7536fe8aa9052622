"""An account may go while its person is signed in: a start then says so, and writes its end down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyterhub.spawner import SpawnException

from facility.models import JobRequest
from spawners.intents import IntentStore
from spawners.spawner import FacilitySpawner

GONE = "gone-since-noon"


async def test_a_start_for_an_account_that_is_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words and with whom to ask, not as an error of the hub; nothing is left open."""
    store = IntentStore(tmp_path / "intents.sqlite")
    spawner = FacilitySpawner.__new__(FacilitySpawner)
    monkeypatch.setattr(FacilitySpawner, "desks", SimpleNamespace(intents=store))
    spawner.user = SimpleNamespace(name=GONE)
    intent = store.plan(GONE, "", JobRequest("ncem", "regular", "work", walltime=timedelta(minutes=5)))

    with pytest.raises(SpawnException) as caught:
        await spawner._submit(intent)
    ended = store.last_end(GONE, "")
    store.close()

    assert f"no account {GONE} on this machine" in str(caught.value.jupyterhub_message)
    assert ended is not None and ("refused", "Ask the people who run this facility.") == (ended.kind, ended.remedy)
