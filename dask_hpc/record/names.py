"""Names for clusters whose maker gave none: two readable words and a number, fit for a file and a job name."""

from __future__ import annotations

import secrets

_KINDS = ("amber", "brisk", "calm", "clear", "coral", "early", "fair", "keen", "lunar", "mellow", "quiet", "silver")
_THINGS = ("beam", "bragg", "crystal", "electron", "ewald", "fringe", "lattice", "photon", "probe", "quartz", "vortex")


def made_up_name() -> str:
    """A name such as "calm-lattice-407"; chance keeps two notebooks apart, `reserve` makes sure."""
    return f"{secrets.choice(_KINDS)}-{secrets.choice(_THINGS)}-{secrets.randbelow(900) + 100}"
