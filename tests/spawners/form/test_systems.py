"""The systems that one may choose from, as cards."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from facility.offer import Offer, Part
from facility.profile import System
from spawners.form.systems import system_card


def test_a_system_shows_what_is_free_and_my_reservations(offer: Offer, system: System, now: datetime) -> None:
    """Nodes of its largest partition that is up; reservations that run and that come."""
    card = system_card("sidecar", system, offer, now)

    assert ("sidecar", "Sidecar", "6 of 8 nodes free", "now") == (card.value, card.title, card.badge, card.tone)
    assert ("reservations of yours: 1 running, 1 to come",) == card.facts


def test_a_system_that_does_not_answer_says_how_old_its_words_are(offer: Offer, system: System, now: datetime) -> None:
    """What is free there is not told, for nobody knows."""
    old = Part(offer.partitions.value, now - timedelta(minutes=3), stale=True, problem="no answer")

    card = system_card("sidecar", system, replace(offer, partitions=old), now)

    assert ("does not answer", "later") == (card.badge, card.tone)
    assert "as of 3 min ago" in card.facts


def test_a_system_that_never_told_is_not_called_dead(offer: Offer, system: System, now: datetime) -> None:
    """Unless its question failed."""
    failed = replace(offer, partitions=Part((), None, problem="no answer"))

    assert "has not told yet" == system_card("sidecar", system, None, now).badge
    assert "does not answer" == system_card("sidecar", system, failed, now).badge


def test_a_system_without_an_account_of_mine_says_so(offer: Offer, system: System, now: datetime) -> None:
    """Before somebody chooses it in vain."""
    card = system_card("sidecar", system, replace(offer, entitlements=Part((), now)), now)

    assert "no account of yours" in card.facts


def test_a_system_that_is_down_says_so(offer: Offer, system: System, now: datetime) -> None:
    """None of its partitions takes jobs."""
    down = tuple(replace(partition, is_up=False) for partition in offer.partitions.value)

    assert "down" == system_card("sidecar", system, replace(offer, partitions=Part(down, now)), now).badge
