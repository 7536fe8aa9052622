"""What of the form changes while it is open."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from facility.models import Estimate
from facility.offer import Offer
from facility.profile import System
from spawners.form.live import etag, live_form, wait_words
from spawners.usual import Usual
from spawners.usual_starts import Starts
from spawners.waits import Wait, Waits

USUAL = Wait(12, timedelta(minutes=3), timedelta(hours=1))


def test_the_cards_say_what_is_usual_and_nothing_where_nothing_is_known(
    offer: Offer, system: System, now: datetime
) -> None:
    """In the words of the drawn page; a queue in which nothing of ours began is not one without a wait."""
    name = offer.partitions.value[0].name
    cards = live_form(offer, system, now, Usual(Waits(partitions={name: USUAL})))["cards"]
    told = {card["value"]: [fact for fact in card["facts"] if "wait" in fact] for card in cards["partition"]}

    assert ["typical wait 3 min, 9 in 10 at most 1 h"] == told.pop(name)
    assert all(not facts for facts in told.values())


def test_the_cards_say_when_a_node_would_start(offer: Offer, system: System, now: datetime) -> None:
    """As the scheduler reckons; of an old answer, how old it is."""
    first, second = offer.partitions.value[0].name, offer.qos.value[0].name
    later = Estimate(now - timedelta(minutes=7), starts=now + timedelta(minutes=25))
    starts = Starts(partitions={first: Estimate(now, starts=now)}, qos={second: later})

    cards = live_form(offer, system, now, Usual(starts=starts))["cards"]
    told = {card["value"]: [fact for fact in card["facts"] if "a node starts" in fact]
            for field in ("partition", "qos") for card in cards[field]}  # fmt: skip

    assert ["a node starts now"] == told.pop(first)
    assert ["a node starts in 25 min, by a reckoning of 7 min ago"] == told.pop(second)
    assert not any(told.values())


def test_one_start_is_not_called_typical() -> None:
    """It is told as what it was."""
    assert "the one start so far waited 3 min" == wait_words(Wait(1, timedelta(minutes=3), timedelta(minutes=3)))


def test_figures_stand_beside_the_words(offer: Offer, system: System, now: datetime) -> None:
    """Seconds until a reservation opens and ends, its nodes, each part's age; all of it is JSON."""
    body = json.loads(json.dumps(live_form(offer, system, now, Usual())))
    first = offer.reservations.value[0]
    told = next(r for r in body["reservations"] if r["name"] == first.name)

    assert first.remaining(now).total_seconds() == told["ends_in_seconds"]
    assert {"name", "starts_in_seconds", "ends_in_seconds", "nodes", "free_nodes"} == set(told)
    assert {"age_seconds", "stale", "problem"} == set(body["parts"]["partitions"])
    assert body["schema"]["properties"]["reservation"]


@pytest.mark.parametrize("seconds", [1, 4])
def test_seconds_that_pass_by_themselves_change_no_entity_tag(
    offer: Offer, system: System, now: datetime, seconds: int
) -> None:
    """A page would show the same; it counts down itself, and hears a new limit each minute."""
    now += timedelta(seconds=10)
    later = now + timedelta(seconds=seconds)

    assert etag(live_form(offer, system, now, Usual())) == etag(live_form(offer, system, later, Usual()))


def test_what_a_page_would_show_changes_the_entity_tag(offer: Offer, system: System, now: datetime) -> None:
    """A node that is taken, experience that is made, a part that has become old."""
    part = offer.partitions
    busy = tuple(replace(p, idle_nodes=p.idle_nodes + 1) for p in part.value)
    old = replace(offer, partitions=replace(part, stale=True, problem="slurmctld does not answer"))
    bodies = [
        live_form(offer, system, now, Usual()),
        live_form(replace(offer, partitions=part.carrying(busy)), system, now, Usual()),
        live_form(old, system, now, Usual()),
        live_form(offer, system, now, Usual(Waits(partitions={part.value[0].name: USUAL}))),
    ]

    assert 4 == len({etag(body) for body in bodies})
