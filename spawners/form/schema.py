"""What one person may answer now, as a JSON Schema (draft 2020-12) of the answer's normal form. Pure.

The page checks by it while one types and the door decides by it, so the two cannot differ.

Own keywords: `errorMessage` maps a keyword to the sentence that says why it failed, as the library ajv-errors reads it
(`${0}` stands for the value; under `required`, one sentence a field). `writtenAs` is the pattern of the text
that people write for a number of minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from facility.offer import Offer, Part
from facility.profile import System
from spawners.form.answer import AT_START, FIELDS, Answer
from spawners.form.defaults import usual_walltime
from spawners.form.limits import MINUTE, Schema, at_most, listed, sizes, usable, why_not
from spawners.form.rules import rules
from spawners.form.spans import WALLTIME, hours

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(offer: Offer, system: System, now: datetime, site: Answer | None = None) -> Schema:
    """The schema of what `offer.user` may ask for at `now`; `site` is the operator's word on what is left out."""
    unknown = {field: why for field, part in _parts(offer).items() if (why := _why_unknown(part))}
    return {
        "$schema": DIALECT,
        "title": "A notebook server",
        "description": "Every field may be left out; the person's defaults stand for it.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **_names(offer, now, unknown),
            **size_rules(offer),
            "walltime": _walltime(system, site or {}),
            "mail": _mail(system),
        },
        "required": sorted(unknown),
        "allOf": rules(offer, system, now),
        "errorMessage": {
            "additionalProperties": f"there is no such option; the options are {', '.join(FIELDS)}",
            "required": unknown,
        },
    }


def _parts(offer: Offer) -> dict[str, Part[Any]]:
    """The parts without which nothing can be started; a reservation is a choice, and may be unknown."""
    return {
        "account": offer.entitlements,
        "qos": offer.qos,
        "partition": offer.partitions,
        "image": offer.images,
    }


def _why_unknown(part: Part[Any]) -> str:
    if part.value or not part.problem:
        return ""
    return f"the facility cannot be asked right now ({part.problem}); try again in a minute"


# --- fields


def _names(offer: Offer, now: datetime, unknown: Mapping[str, str]) -> dict[str, Schema]:
    """The fields that are one of a list of names."""
    reservations = [r.name for r in usable(offer.reservations.value, now)]
    qos = [name for account in offer.accounts for name in offer.qos_of(account)]
    up = [p.name for p in offer.partitions.value if p.is_up]
    images = [image.name for image in offer.images.value if image.runs_jupyter]
    fields = {
        "system": _one_of(
            "System", [offer.system] if offer.system else [], "is not the system that these choices are of"
        ),
        "reservation": _one_of("Reservation", reservations, "is no reservation that you may use"),
        "account": _one_of("Account to charge", offer.accounts, "is no account of yours"),
        "qos": _one_of("QOS", sorted(set(qos)), "is no QOS of yours"),
        "partition": _one_of("Partition", up, "is no partition here"),
        "image": _one_of("Environment", images, "is no image offered here"),
    }
    if why := _why_unknown(offer.reservations):
        fields["reservation"] = _refused("Reservation", why)
    known = (*offer.reservations.value, *offer.near)
    fields["reservation"]["allOf"] = [_but_not(r.name, why_not(r, now)) for r in known if r.name not in reservations]
    fields["partition"]["allOf"] = [_but_not(p.name, f"{p.name} takes no jobs at the moment; choose another")
                                    for p in offer.partitions.value if not p.is_up]  # fmt: skip
    return fields | {field: _refused(fields[field]["title"], why) for field, why in unknown.items()}


def _one_of(title: str, names: Iterable[str], remedy: str) -> Schema:
    known = list(dict.fromkeys(names))
    sentence = f"${{0}} {remedy}; you may choose {listed(known)}"
    return {"title": title, "type": "string", "enum": known, "errorMessage": {"enum": sentence, "type": sentence}}


def _refused(title: str, why: str) -> Schema:
    return {"title": title, "not": {}, "errorMessage": {"not": why}}


def _but_not(name: str, why: str) -> Schema:
    return {"not": {"const": name}, "errorMessage": {"not": why}}


def size_rules(offer: Offer) -> dict[str, Schema]:
    """The sizes, within what the largest partition has; the rules say less where a choice allows less."""
    partitions = offer.partitions.value
    most = {field: max((sizes(p)[field] for p in partitions), default=0) for field in _SIZES}
    return {
        field: {
            "title": title,
            "type": "integer",
            "minimum": smallest,
            "maximum": max(most[field], smallest),
            "errorMessage": {
                **dict.fromkeys(("type", "minimum"), f"a whole number of at least {smallest} is expected"),
                "maximum": f"no partition here has more than {max(most[field], smallest)}",
            },
        }
        for field, (title, smallest) in _SIZES.items()
    }


_SIZES = {
    "nodes": ("Nodes", 1),
    "cpus_per_node": ("CPUs per node", 1),
    "memory_gb": ("Memory per node, GB", 1),
    "gpus_per_node": ("GPUs per node", 0),
}


def _mail(system: System) -> Schema:
    if not system.sends_mail:
        return _refused("E-mail", f"{system.title} sends no e-mail about jobs; start without it")
    wrong = f"e-mail comes when the job starts; choose {AT_START}, or nothing"
    return {"title": "E-mail", "type": "string", "enum": [AT_START], "errorMessage": {"enum": wrong, "type": wrong}}


def _walltime(system: System, site: Answer) -> Schema:
    written = "write hours and minutes as 2:30, or whole minutes"
    longest = timedelta(minutes=system.max_walltime_minutes)
    return {
        "title": "Walltime, minutes",
        "type": "number",
        "minimum": 1,
        "default": usual_walltime(system, site) / MINUTE,
        "writtenAs": WALLTIME,
        **at_most(longest / MINUTE, f"a notebook here may last {hours(longest)}; ask for that or less",
                   type=written, minimum="ask for at least one minute"),
    }  # fmt: skip
