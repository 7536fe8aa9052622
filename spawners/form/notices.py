"""What of an Offer is old or missing, in sentences for the form. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from facility.offer import Offer, Part
from spawners.form.spans import duration


def parts(offer: Offer) -> dict[str, Part[Any]]:
    """The parts of an Offer, by the name that people read."""
    return {
        "reservations": offer.reservations,
        "accounts": offer.entitlements,
        "QOS": offer.qos,
        "partitions": offer.partitions,
        "environments": offer.images,
    }


def notices(offer: Offer, now: datetime) -> list[str]:
    """What of the offer is old, with the age of the oldest, and what is missing; empty when all is fresh."""
    told_late = [part.as_of for part in parts(offer).values() if part.coming and part.as_of is not None]
    troubled = {name: part.as_of for name, part in parts(offer).items()
                if (part.stale or part.problem) and not part.coming}  # fmt: skip
    missing = [name for name, as_of in troubled.items() if as_of is None]
    ages = [now - as_of for as_of in troubled.values() if as_of is not None]
    told = []
    if ages:
        old = [name for name in troubled if name not in missing]
        told.append(f"The facility does not answer right now. Shown as of {duration(max(ages))} ago: {', '.join(old)}.")
    if told_late:
        told.append(
            f"Newer answers of the facility are on their way. Shown as of {duration(now - min(told_late))} ago."
        )
    if missing:
        told.append(f"The facility has not told yet: {', '.join(missing)}. Reload this page in a minute.")
    return told
