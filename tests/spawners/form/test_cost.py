"""What a request costs: nodes, time and the QOS' factor, with the account's balance beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from facility.models import Billing
from facility.offer import Offer
from facility.profile import System
from spawners.form import read_options
from spawners.form.cost import Cost, cost, figure


def priced(offer: Offer, system: System, now: datetime, **asked: object) -> Cost:
    """The cost of an answer."""
    return cost(read_options(asked, offer, system, now), offer)


def with_balance(offer: Offer, left: float) -> Offer:
    """The same offer with so many node hours left in every account."""
    mine = tuple(replace(one, balance_hours=left) for one in offer.entitlements.value)
    return replace(offer, entitlements=replace(offer.entitlements, value=mine))


def test_nodes_and_walltime_make_the_cost(offer: Offer, system: System, now: datetime) -> None:
    """Two nodes for an hour and a half are three node hours."""
    found = priced(offer, system, now, nodes=2, walltime="1:30")

    assert (3.0, None) == (found.amount, found.left)
    assert "At most 3 node hours of ncem: 2 nodes × 1:30." == found.words


def test_a_dear_qos_multiplies(offer: Offer, system: System, now: datetime) -> None:
    """Slurm charges a QOS' usage by its factor, and the words say so."""
    dear = tuple(replace(q, usage_factor=2.5) if q.name == "realtime" else q for q in offer.qos.value)
    offer = replace(offer, qos=replace(offer.qos, value=dear))

    found = priced(offer, system, now, qos="realtime", walltime="2:00")

    assert "At most 5 node hours of ncem: 1 node × 2:00 × 2.5 (QOS realtime)." == found.words


def test_a_partition_that_weighs_is_charged_by_its_weights(offer: Offer, system: System, now: datetime) -> None:
    """In billing hours, held against what is left of these; the words say what was counted."""
    weights = (("cpu", 1.0), ("mem", 0.25), ("gres/gpu", 8.0))
    found = priced(weighing(offer, Billing(weights)), system, now, cpus_per_node=4, memory_gb=16, walltime="1:30")

    assert "At most 12 billing hours of ncem: (4 CPUs × 1 + 16 GB × 0.25) × 1:30, as partition main weighs." \
        " 10 billing hours left; that is not enough." == found.words  # fmt: skip


def test_of_some_weights_only_the_largest_counts(offer: Offer, system: System, now: datetime) -> None:
    """As the site's PriorityFlags say; what is not asked for is what Slurm gives."""
    largest = Billing((("cpu", 1.0), ("mem", 0.25)), ("cpu", "mem"), memory_mb_per_cpu=16 * 1024)
    whole = replace(largest, largest_of=(), takes_whole_nodes=True, memory_mb_per_node=1024)

    assert 4.0 == priced(weighing(offer, largest), system, now, walltime="1:00").amount
    assert 16.25 == priced(weighing(offer, whole), system, now, walltime="1:00").amount


def weighing(offer: Offer, billing: Billing) -> Offer:
    """The same offer where partitions weigh so, and ten billing hours are left in every account."""
    there = tuple(replace(one, billing=billing) for one in offer.partitions.value)
    mine = tuple(replace(one, billing_hours_left=10.0) for one in offer.entitlements.value)
    entitlements = replace(offer.entitlements, value=mine)
    return replace(offer, partitions=replace(offer.partitions, value=there), entitlements=entitlements)


def test_more_than_is_left_is_said(offer: Offer, system: System, now: datetime) -> None:
    """The scheduler decides; the page says beforehand what it will find."""
    assert priced(with_balance(offer, 1.0), system, now).is_covered
    short = priced(with_balance(offer, 1.0), system, now, walltime="2:00")

    assert not short.is_covered
    assert short.words.endswith("1 node hour left; that is not enough.")


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0.25, "0.25 node hours"), (1, "1 node hour"), (12.5, "12.5 node hours"), (123.4, "123 node hours"),
     (0, "0 node hours"), (100, "100 node hours")],
)  # fmt: skip
def test_node_hours_are_told_as_people_read_them(hours: float, words: str) -> None:
    """Few ones with decimals, many ones without."""
    assert words == figure(hours)
