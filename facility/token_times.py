"""Why the times of a signed statement do not fit: it has ended, or two clocks differ (RFC 7519, section 4.1)."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import jwt

LONGEST = 10 * 365 * 86400.0
"""Seconds; what is further off than that is told as so much."""


def why_untimely(token: str, what: str, *, is_new: bool = False) -> str:
    """Why a token whose signature holds does not count at this time, in words for whoever sent it.

    Parameters
    ----------
    token : one that `jwt.decode` refused for its times, which it looks at when the signature was found good.
    what : how the words call it, e.g. "token".
    is_new : it was made for this one question, so that its end cannot have passed; else it may just be old.
    """
    claims = jwt.decode(token, options={"verify_signature": False})
    now = datetime.now(UTC)
    ahead = max(_seconds(claims.get(name), now) for name in ("iat", "nbf"))
    clock = f"by this service's clock, which says {now.isoformat(timespec='seconds')}"
    if ahead > 0:
        return f"clock differs: the {what} is from {span(ahead)} in the future {clock}; look at NTP on both machines"
    words = f"the {what} ended {span(-_seconds(claims.get('exp'), now))} ago {clock}"
    if is_new:
        return f"clock differs: {words}; look at NTP on both machines"
    return f"{words}, or if it is new the clock differs"


def span(seconds: float) -> str:
    """About so long, in words: "40 s", "59 min", "1 h", "2 h 5 min", "2 d"."""
    seconds = min(max(seconds, 0.0), LONGEST)
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes >= 48 * 60:
        return f"{round(minutes / (24 * 60))} d"
    return f"{minutes // 60} h {minutes % 60} min".removesuffix(" 0 min")


def _seconds(moment: object, now: datetime) -> float:
    """From now until a NumericDate; -inf where there is none."""
    try:
        return float(str(moment)) - now.timestamp() if moment is not None else -math.inf
    except (ValueError, OverflowError):
        return -math.inf
