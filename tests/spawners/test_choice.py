"""The choice of a system on the form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from facility.errors import OptionError
from facility.models import JobRequest
from facility.offer import Offer
from facility.profile import read_profile
from spawners.choice import look, system_in
from spawners.desk import Desk
from spawners.desks import Desks
from spawners.intents import IntentStore


class Source:
    """Offers of one system; `silent` never answers."""

    def __init__(self, offer: Offer) -> None:
        self.known = offer
        self.silent = False

    async def offer(self, user: str, *, quick: bool = False) -> Offer:
        """The offer, at once or never."""
        if self.silent:
            await asyncio.Event().wait()
        return self.known


@pytest.fixture
def sources(offer: Offer) -> dict[str, Source]:
    """What alpha and beta offer; beta has one partition that alpha has not."""
    other = replace(offer.partitions.value[0], name="wide", is_default=True)
    beta = replace(offer, system="beta", partitions=replace(offer.partitions, value=(other,)))
    return {"alpha": Source(replace(offer, system="alpha")), "beta": Source(beta)}


@pytest.fixture
def desks(tmp_path: Path, sources: dict[str, Source], offer: Offer) -> Iterator[Desks]:
    """A hub with both."""
    store = IntentStore(tmp_path / "intents.sqlite")
    made, moment = [], offer.partitions.as_of
    for name, source in sources.items():
        text = f'name = "Site"\nservice = {{ url = "http://x" }}\nsystems.{name} = {{ title = "System {name}" }}'
        desk = Desk(read_profile(text), tmp_path, source, None, None, None, None, store, dict, lambda: moment)  # type: ignore[arg-type]  # only offers are asked here
        made.append(desk)
    yield Desks(made)
    store.close()


async def test_a_silent_system_holds_up_no_other(desks: Desks, sources: dict[str, Source]) -> None:
    """It never answers, and the form of the other is there, with a card that says so."""
    sources["beta"].silent = True

    async with asyncio.timeout(30):
        choice = await look(desks, desks.first, "ana", {})

    assert ["6 of 8 nodes free", "has not told yet"] == [card.badge for card in choice.cards]
    assert "alpha" == choice.system


async def test_choices_are_judged_by_their_own_system(desks: Desks) -> None:
    """A preset of another system is held against what that one offers."""
    choice = await look(desks, desks.first, "ana", {})

    found = choice.read({"system": "beta", "partition": "wide"})
    assert isinstance(found, JobRequest)
    assert ("wide", timedelta(hours=1)) == (found.partition, found.walltime)
    with pytest.raises(OptionError, match="is no partition here"):
        choice.read({"system": "alpha", "partition": "wide"})
    with pytest.raises(OptionError, match="there is no system of that name here"):
        choice.read({"system": "gamma"})


async def test_choices_of_a_system_that_has_not_told_are_not_refused(desks: Desks, sources: dict[str, Source]) -> None:
    """Nobody can say so yet; whoever starts them passes the door."""
    sources["beta"].silent = True
    choice = await look(desks, desks.first, "ana", {})

    assert choice.read({"system": "beta"}) is None


async def test_with_one_system_there_is_no_choice(desks: Desks) -> None:
    """The form shows nothing of it, and naming the one is right."""
    alone = Desks([desks.first])
    choice = await look(alone, alone.first, "ana", {})

    assert ("", []) == (choice.system, choice.cards)
    assert choice.read({"system": "alpha"}) == choice.read({})


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({}, ""),
        ({"system": "beta"}, "beta"),
        ({"system": ["alpha", "beta"]}, "beta"),
        ({"system": []}, ""),
        ({"system": 7}, ""),
    ],
)
def test_a_name_is_read_out_of_whatever_was_stored(asked: dict[str, object], name: str) -> None:
    """Saved options were never judged."""
    assert name == system_in(asked)
