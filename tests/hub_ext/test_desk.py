"""The hub's side of several systems: what is refused at the start, and what becomes of a system that is gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from traitlets.config import Config

from beamside.demo import secret_files
from beamside.demo.ports import free_ports
from facility.errors import ProfileError
from facility.models import JobRequest
from hub_ext import HubDesk
from spawners.desks import current_desks
from spawners.intents import IntentStore

REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=2))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The hub's folder, with two profiles beside it."""
    for name in ("alpha", "beta"):
        text = f'name = "Site"\nservice = {{ url = "http://127.0.0.1:{free_ports(1)[0]}" }}\n'
        (tmp_path / f"{name}.toml").write_text(f'{text}systems.{name} = {{ title = "System {name}" }}')
    home = tmp_path / "hub"
    home.mkdir(mode=0o700)
    secret_files.write_secret(home / "hub.key", secret_files.pem(secret_files.rsa_key()))
    return home


def desk(folder: Path, *names: str, **settings: object) -> HubDesk:
    """The hub's side of these systems."""
    first, *further = (str(folder.parent / f"{name}.toml") for name in names)
    return HubDesk(
        config=Config(HubDesk={"profile": first, "further_profiles": further, "folder": str(folder), **settings})
    )


async def close(made: HubDesk) -> None:
    """End what `open` began."""
    for task in made.listening:
        task.cancel()
    current_desks().intents.close()


async def test_each_system_has_its_own_tokens_and_desk(folder: Path) -> None:
    """One key and one store for all of them."""
    made = desk(folder, "alpha", "beta")
    made.open(dict)

    assert made.tokens_of("beta") is not made.tokens
    assert made.tokens_of("") is made.tokens_of("alpha") is made.tokens
    assert {"beta": folder.parent / "beta.toml"} == {
        found.name: found.profile_path for found in current_desks() if found is not current_desks().first
    }
    await close(made)


def test_two_systems_of_one_name_stop_the_hub(folder: Path) -> None:
    """Nobody could say which of them a server is on."""
    with pytest.raises(ProfileError, match="both describe a system alpha: rename one"):
        desk(folder, "alpha", "alpha")


async def test_a_system_with_servers_that_is_not_named_any_more_stops_the_hub(folder: Path) -> None:
    """A forgotten profile ends nobody's server."""
    store = IntentStore(folder / "intents.sqlite")
    store.plan("ana", "", REQUEST, "beta")
    store.close()

    with pytest.raises(ProfileError, match="ana has a server on beta, and no profile describes it"):
        desk(folder, "alpha").open(dict)

    made = desk(folder, "alpha", "beta")
    made.open(dict)
    assert ["beta"] == [intent.system for intent in current_desks().intents.all_open()]
    await close(made)


async def test_a_retired_system_takes_its_servers_with_it(folder: Path) -> None:
    """The person reads what happened."""
    store = IntentStore(folder / "intents.sqlite")
    store.plan("ana", "", REQUEST, "beta")
    store.close()

    made = desk(folder, "alpha", retired_systems=["beta"])
    made.open(dict)

    ended = current_desks().intents.last_end("ana", "")
    assert ended
    assert ([], "The system beta was taken out of service.") == (current_desks().intents.all_open(), ended.words)
    await close(made)
