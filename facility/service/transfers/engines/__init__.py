"""What carries data between tiers, one engine a module. An engine can go on where an earlier attempt was cut off."""

from __future__ import annotations

from collections.abc import Callable

from facility.profile import Profile
from facility.service.caller import Mandate
from facility.service.clock import Clock
from facility.service.transfers.engines.engine import Acts, Engine, Order, Reached
from facility.service.transfers.engines.globus import Globus
from facility.service.transfers.engines.rclone import Rclone

__all__ = ["Acts", "Engine", "Globus", "Order", "Rclone", "Reached", "engines_of"]


def engines_of(profile: Profile, acting_for: Callable[[Mandate], Acts], clock: Clock) -> tuple[Engine, ...]:
    """The engines that this site has set up."""
    rclone = Rclone(acting_for)
    tokens = profile.service.globus_tokens
    return (rclone, Globus(tokens, clock)) if tokens else (rclone,)
