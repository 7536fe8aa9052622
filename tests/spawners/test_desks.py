"""Several systems at one hub: what belongs to a server is asked of its own system."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from facility.errors import FacilityError, OptionError
from facility.models import JobRequest
from facility.profile import Profile, read_profile
from spawners.desk import Desk
from spawners.desks import Desks
from spawners.intents import IntentStore

REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=2))


def profile(name: str, *aliases: str) -> Profile:
    """A site with one system of this name."""
    return read_profile(f"""
name = "Site"
service = {{ url = "http://127.0.0.1:1" }}
systems.{name} = {{ title = "System {name}", aliases = {list(aliases)} }}
""")


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    """Alpha, which was called gamma once, and beta."""
    store = IntentStore(tmp_path / "intents.sqlite")
    made = [
        Desk(facts, tmp_path, None, None, None, None, None, store, dict)  # type: ignore[arg-type]  # nothing is asked here
        for facts in (profile("alpha", "gamma"), profile("beta"))
    ]
    yield Desks(made)
    store.close()


def test_who_names_no_system_gets_the_first(desks: Desks) -> None:
    """As a hub with one system does."""
    assert ("alpha", "beta") == (desks.chosen("").name, desks.chosen("beta").name)


def test_a_system_that_is_not_here_is_refused_with_its_field(desks: Desks) -> None:
    """Whatever way it came, and it names those that are."""
    with pytest.raises(OptionError, match="you may choose alpha, beta") as refused:
        desks.chosen("delta")

    assert "system" == refused.value.field


def test_an_intent_is_done_at_the_desk_of_its_system(desks: Desks) -> None:
    """Also where its system has another name by now; never at another system's."""
    names = {"beta": "beta", "gamma": "alpha", "alpha": "alpha"}
    intents = {name: desks.intents.plan("ana", name, REQUEST, name) for name in [*names, "delta"]}

    assert names == {name: desks.of(intents[name]).name for name in names}
    with pytest.raises(FacilityError, match="no profile of this hub describes delta"):
        desks.of(intents["delta"])


def test_each_system_keeps_its_own_waits(desks: Desks) -> None:
    """In the one store."""
    assert desks.first.waits is not desks.chosen("beta").waits
