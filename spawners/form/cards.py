"""What may be chosen, as cards: the Offer put into a few words each. Pure; the template draws them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from facility.admission import JudgedReservation
from facility.models import Partition, Qos
from facility.offer import Offer
from facility.profile import PartitionWords, System, Words
from spawners.form.answer import LONGEST_VALUE, Answer
from spawners.form.limits import MINUTE, node_words, sizes, time_inside, too_small, usable, why_not
from spawners.form.schema import size_rules
from spawners.form.spans import duration


@dataclass(frozen=True)
class Card:
    """One choice of a group: the value that is posted and the words beside it."""

    value: str
    title: str
    facts: tuple[str, ...] = ()
    badge: str = ""
    tone: str = ""  # "now" or "later"; colours the badge, never the only sign
    until: datetime | None = None  # drawn as a time that the page shows in the reader's zone
    until_words: str = ""
    usable: bool = True
    why_not: str = ""  # why it does not go with the other choices, and what would


def reservation_cards(reservations: tuple[JudgedReservation, ...], now: datetime) -> list[Card]:
    """My reservations, those running now first; one that ended, or is for others, does not appear."""
    mine = usable(reservations, now)
    return [_reservation_card(r, now) for r in sorted(mine, key=lambda r: (not r.is_active(now), r.starts, r.name))]


def with_nodes(cards: list[Card], reservations: tuple[JudgedReservation, ...], nodes: int) -> list[Card]:
    """The reservations' cards for one who asks for so many nodes: those too small say so.

    They stay usable, for without JavaScript a person may still lower the number; the page's script and the door refuse.
    """
    why = {r.name: too_small(r, nodes) for r in reservations}
    return [replace(card, why_not=why.get(card.value, "")) for card in cards]


def _reservation_card(reservation: JudgedReservation, now: datetime) -> Card:
    facts = [_nodes_inside(reservation)]
    if reservation.accounts:
        facts.append(f"with account {', '.join(reservation.admitted_accounts)}")
    if reservation.partition:
        facts.append(f"in {reservation.partition}")
    if reservation.is_active(now):
        left = f"{duration(reservation.remaining(now))} left"
        return Card(reservation.name, reservation.name, tuple(facts), left, "now", reservation.ends, "Ends")
    facts += [f"up to {duration(time_inside(reservation, now))}", "a job waits and starts when it opens"]
    until = f"starts in {duration(reservation.starts - now)}"
    return Card(reservation.name, reservation.name, tuple(facts), until, "later", reservation.starts, "Starts")


def _nodes_inside(reservation: JudgedReservation) -> str:
    count = node_words(reservation.node_count)
    return count if reservation.free_nodes is None else f"{reservation.free_nodes} of {count} free"


@dataclass(frozen=True)
class NearCard:
    """A reservation that names the person and cannot be used."""

    title: str
    why_not: str
    until: datetime
    until_words: str


def near_cards(offer: Offer, now: datetime) -> list[NearCard]:
    """The reservations that nearly fit, the first to begin first, and those that are as good as over."""
    over = [r for r in offer.reservations.value if r.admits and now < r.ends and time_inside(r, now) < MINUTE]
    shown = [*(r for r in offer.near if r.ends > now), *over]
    return [
        NearCard(r.name, why_not(r, now), r.ends if r.is_active(now) else r.starts,
                 "Ends" if r.is_active(now) else "Starts")
        for r in sorted(shown, key=lambda r: (r.starts, r.name))
    ]  # fmt: skip


def account_choices(offer: Offer) -> list[Card]:
    """My accounts, the default one first, with what is left to spend where the site sets a limit."""
    seen: dict[str, Card] = {}
    for mine in sorted(offer.entitlements.value, key=lambda e: (not e.is_default, e.account)):
        left = () if mine.balance_hours is None else (f"{mine.balance_hours:.0f} node hours left",)
        facts = ((mine.description,) if mine.description and mine.description != mine.account else ()) + left
        seen.setdefault(mine.account, Card(mine.account, mine.account, facts, "default" if mine.is_default else ""))
    return list(seen.values())


def qos_cards(offer: Offer, system: System) -> list[Card]:
    """The QOS of any account of mine, the quickest first, with limits and the accounts that have it."""
    accounts: dict[str, list[str]] = {}
    for mine in offer.entitlements.value:
        for name in mine.qos:
            accounts.setdefault(name, []).append(mine.account)
    known = {qos.name: qos for qos in offer.qos.value}
    shown = [known.get(name, Qos(name)) for name in accounts if not system.qos.get(name, Words()).hidden]
    everywhere = len({mine.account for mine in offer.entitlements.value})
    return [
        _qos_card(qos, system.qos.get(qos.name, Words()), accounts[qos.name], everywhere)
        for qos in sorted(shown, key=lambda q: (-q.priority, q.name))
    ]


def _qos_card(qos: Qos, words: Words, accounts: list[str], everywhere: int) -> Card:
    facts = []
    if qos.max_walltime is not None:
        facts.append(f"up to {duration(qos.max_walltime)}")
    if qos.max_nodes is not None:
        facts.append(f"{qos.max_nodes} nodes at most")
    if len(set(accounts)) < everywhere:
        facts.append(f"with {', '.join(sorted(set(accounts)))}")
    return Card(qos.name, words.title or qos.name, tuple(facts))


def partition_cards(offer: Offer, system: System) -> list[Card]:
    """Partitions with what is free in them now; one that is down is shown and cannot be chosen."""
    cards = []
    for partition in sorted(offer.partitions.value, key=lambda p: (not p.is_default, p.name)):
        words = system.partitions.get(partition.name, PartitionWords())
        if not words.hidden:
            cards.append(_partition_card(partition, words))
    return cards


def _partition_card(partition: Partition, words: PartitionWords) -> Card:
    facts = [words.description.rstrip(".")] if words.description else []  # more facts follow on its line
    facts.append(f"{partition.cpus_per_node} CPUs, {sizes(partition)['memory_gb']} GB a node")
    if partition.gpus_per_node:
        facts.append(f"up to {partition.gpus_per_node} GPUs a node")
    if partition.max_walltime is not None:
        facts.append(f"up to {duration(partition.max_walltime)}")
    free = "no queue" if words.no_queue else f"{partition.idle_nodes} of {partition.nodes} nodes free"
    badge = free if partition.is_up else "down"
    tone = "now" if partition.is_up and (words.no_queue or partition.idle_nodes) else "later"
    return Card(partition.name, words.title or partition.name, tuple(facts), badge, tone, usable=partition.is_up)


@dataclass(frozen=True)
class SizeField:
    """One whole number that may be asked for."""

    name: str
    label: str
    smallest: int
    most: int
    usual: str  # what stands in the empty field
    shown: str  # what is filled in where nothing was asked


def size_fields(offer: Offer, site: Answer) -> list[SizeField]:
    """Nodes, CPUs, memory and GPUs, up to what the largest partition has; what no partition has is left out.

    `site` is the operator's word on what is left out.
    """
    shown = {name: str(site.get(name, fewest)) for name, fewest in {"nodes": 1, "gpus_per_node": 0}.items()}
    return [
        SizeField(name, rule["title"], rule["minimum"], rule["maximum"],
                  str(site.get(name, shown.get(name, "partition's default"))), shown.get(name, ""))
        for name, rule in size_rules(offer).items() if any(sizes(p)[name] for p in offer.partitions.value)
    ]  # fmt: skip


SOURCES = {
    "none": "the system's own",
    "module": "modules",
    "conda": "conda",
    "static": "container",
    "shifter": "Shifter",
    "podman-hpc": "podman-hpc",
    "charliecloud": "Charliecloud",
}
"""Where an environment comes from, by its driver; another driver is called by its own name."""


def image_cards(offer: Offer, last_used: str = "") -> list[Card]:
    """The environments a notebook server can run in, each with its source; `last_used` is marked."""
    return [
        Card(
            image.name,
            image.title,
            (*((image.description,) if image.description else ()), SOURCES.get(image.driver, image.driver)),
            "used last" if image.name == last_used else "",
            "now",
        )
        for image in offer.images.value
        if image.runs_jupyter
    ]


FEW = 6
"""Environments that need no search."""


def not_found(cards: list[Card], find: str, chosen: str) -> frozenset[str]:
    """What a search leaves out: the cards that lack one of its words, but never the one that is chosen."""
    words = find[:LONGEST_VALUE].lower().split()
    kept = chosen or next((card.value for card in cards), "")
    said = {card.value: " ".join((card.title, *card.facts, card.badge, card.value)).lower() for card in cards}
    return frozenset(value for value, text in said.items() if value != kept and not all(w in text for w in words))
