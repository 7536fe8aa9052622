"""What of the form changes while it is open: the words on its cards, the figures behind them, and the rules. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from facility.admission import JudgedReservation
from facility.models import Estimate
from facility.offer import Offer, Part
from facility.profile import System
from spawners.form.answer import Answer
from spawners.form.cards import Card, partition_cards, qos_cards, reservation_cards
from spawners.form.notices import notices, parts
from spawners.form.schema import schema
from spawners.form.spans import duration
from spawners.form.verdict import SOON
from spawners.usual import Usual
from spawners.usual_starts import ASKED_ANEW
from spawners.waits import Wait


def live_cards(offer: Offer, system: System, now: datetime, usual: Usual) -> dict[str, list[Card]]:
    """By field, the cards that change while the page is open, each with what is usual there."""
    waits, starts = usual.waits, usual.starts
    qos = _with_starts(qos_cards(offer, system), starts.qos, now)
    partitions = _with_starts(partition_cards(offer, system), starts.partitions, now)
    return {
        "reservation": _with_waits(reservation_cards(offer.reservations.value, now), waits.reservations),
        "qos": _with_waits(qos, waits.qos),
        "partition": _with_waits(partitions, waits.partitions),
    }


def _with_starts(cards: list[Card], starts: Mapping[str, Estimate], now: datetime) -> list[Card]:
    """Where nothing was reckoned lately, nothing is said; nor of what cannot be chosen."""
    return [
        replace(card, facts=(*card.facts, start_words(starts[card.value], now)))
        if card.usable and card.value in starts
        else card
        for card in cards
    ]


def start_words(estimate: Estimate, now: datetime) -> str:
    """When one node would start, for a card; how old that is only where it could not be asked anew."""
    wait = estimate.wait(now) or timedelta(0)
    age = now - estimate.as_of
    old = f", by a reckoning of {duration(age)} ago" if age > ASKED_ANEW + SOON else ""
    return (f"a node starts in {duration(wait)}" if wait >= SOON else "a node starts now") + old


def _with_waits(cards: list[Card], waits: dict[str, Wait]) -> list[Card]:
    """A queue in which nothing of this hub began yet says nothing of waits."""
    return [
        replace(card, facts=(*card.facts, wait_words(waits[card.value]))) if card.value in waits else card
        for card in cards
    ]


def wait_words(wait: Wait) -> str:
    """What is usual, for a card; of a single start that it was one."""
    if wait.starts == 1:
        return f"the one start so far waited {duration(wait.median)}"
    return f"typical wait {duration(wait.median)}, 9 in 10 at most {duration(wait.nine_in_ten)}"


def live_form(offer: Offer, system: System, now: datetime, usual: Usual, site: Answer | None = None) -> dict[str, Any]:
    """The body that the page asks for; JSON can hold it. `site` is the operator's word on what is left out."""
    waits = usual.waits
    cards = live_cards(offer, system, now, usual)
    return {
        "notices": notices(offer, now),
        "parts": {name: _age(part, now) for name, part in parts(offer).items()},
        "cards": {field: [_plain(card) for card in group] for field, group in cards.items()},
        "reservations": [_figures(reservation, now) for reservation in offer.reservations.value if reservation.admits],
        "partitions": [
            {"name": p.name, "is_up": p.is_up, "nodes": p.nodes, "idle_nodes": p.idle_nodes}
            for p in offer.partitions.value
        ],
        "waits": {field: {name: _seconds(wait) for name, wait in group.items()} for field, group in
                  (("partition", waits.partitions), ("qos", waits.qos), ("reservation", waits.reservations))},
        "schema": schema(offer, system, now, site),
    }  # fmt: skip


def _age(part: Part[Any], now: datetime) -> dict[str, Any]:
    age = None if part.as_of is None else max((now - part.as_of).total_seconds(), 0.0)
    return {"age_seconds": age, "stale": part.stale, "problem": part.problem}


def _plain(card: Card) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(card).items()}


def _figures(reservation: JudgedReservation, now: datetime) -> dict[str, Any]:
    return {
        "name": reservation.name,
        "starts_in_seconds": max((reservation.starts - now).total_seconds(), 0.0),
        "ends_in_seconds": reservation.remaining(now).total_seconds(),
        "nodes": reservation.node_count,
        "free_nodes": reservation.free_nodes,
    }


def _seconds(wait: Wait) -> dict[str, Any]:
    return {
        "starts": wait.starts,
        "median_seconds": wait.median.total_seconds(),
        "nine_in_ten_seconds": wait.nine_in_ten.total_seconds(),
    }


def etag(body: dict[str, Any]) -> str:
    """A weak entity tag (RFC 9110, section 8.8.1): two bodies share it when a page would show the same.

    Seconds that run by themselves do not count, nor does the age of a part that is fresh.
    """
    ages = {name: part if part["stale"] or part["problem"] else None for name, part in body["parts"].items()}
    figures = [{"name": r["name"], "nodes": r["nodes"], "free_nodes": r["free_nodes"]} for r in body["reservations"]]
    lasting = json.dumps({**body, "parts": ages, "reservations": figures}, sort_keys=True)
    return f'W/"{hashlib.sha256(lasting.encode()).hexdigest()[:32]}"'
