"""Who takes part in the demonstration: three people with local accounts, or one where there is no root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True)
class People:
    """Local user names. Without root there is one user: she is `ana`, and `ben` and `kim` have no account here."""

    ana: str = "ana"  # accounts ncem (with the realtime QOS) and als
    ben: str = "ben"  # account als, no realtime QOS
    kim: str = "kim"  # staff: account nstaff, Slurm operator
    group: str = "beamside-users"

    @property
    def names(self) -> tuple[str, ...]:
        """Those who have a local account."""
        return tuple(name for name in (self.ana, self.ben, self.kim) if name)

    @property
    def is_alone(self) -> bool:
        """Whether one user is everything: no other account, no root."""
        return len(self.names) == 1


def everyone() -> People:
    """Ana, ben and kim where this runs as root, else only the user at the keyboard."""
    if os.geteuid() == 0:
        return People()
    return People(ana=pwd.getpwuid(os.geteuid()).pw_name, ben="", kim="", group="")
