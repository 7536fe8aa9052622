"""Keep identity told of the accounts that this machine has closed: the root helper's signed word, brought unchanged."""

from __future__ import annotations

import logging

from facility.as_user import SHORT, acting
from facility.errors import FacilityError
from facility.profile import Profile
from facility.service.as_user.helper import CLOSED_ACCOUNTS
from facility.service.clock import Clock
from facility.service.identity.port import IdentityPort

log = logging.getLogger(__name__)

PERIOD = 15.0
"""Seconds between two looks; with what processes remember of a token (30 s) it ends everywhere within 60."""


async def keep_telling(profile: Profile, identity: IdentityPort, clock: Clock) -> None:
    """Ask and tell, for ever; while that cannot be done what was told last counts on, and the log says so once."""
    helper, problem = acting(profile), ""
    while True:
        try:
            told = await helper.act(CLOSED_ACCOUNTS, [], timeout=SHORT)
            await identity.hear_closed(told.stdout.decode("ascii"))
            problem = ""
        except (FacilityError, UnicodeDecodeError) as error:
            if str(error) != problem:
                log.warning("it is not known which accounts this machine has locked since: %s", error)
            problem = str(error)
        await clock.sleep(PERIOD)
