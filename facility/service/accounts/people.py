"""Which local accounts are people's, so that somebody may be linked to them and be acted for."""

from __future__ import annotations

import grp
import os
import pwd
import re

from facility.errors import NotAllowed
from facility.profile import Profile
from facility.providers.slurm.run import current_user

NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
"""Plain ASCII, lower case: a name that looks like another's is no name here. useradd(8) has the same rule."""

LEAST_UID = 1000


def check_person(user: str, profile: Profile) -> pwd.struct_passwd:
    """The account of a person that this service serves.

    Raises NotAllowed for a name that does not exist, that only looks like one, or that is the system's or a service's.
    """
    account = local_account(user)
    least = profile.as_user.min_uid if profile.as_user else LEAST_UID
    if account.pw_uid < least or account.pw_gid == 0:
        raise NotAllowed(f"{user} is a system account; only a person's account may be used")
    if profile.as_user is None and user != current_user():
        raise NotAllowed(f"this service runs without a helper and serves {current_user()} only")
    if profile.as_user and profile.as_user.group not in groups_of(account):
        raise NotAllowed(f"{user} is not a member of {profile.as_user.group}; an administrator can add them")
    return account


def local_account(user: str) -> pwd.struct_passwd:
    """The local account of exactly this name. Raises NotAllowed where there is none."""
    try:
        account = pwd.getpwnam(user) if NAME.fullmatch(user) else None
    except KeyError:
        account = None
    if account is None or account.pw_name != user:
        raise NotAllowed(f"{user!r} is no local account here")
    return account


def groups_of(account: pwd.struct_passwd) -> tuple[str, ...]:
    """The names of the account's Unix groups."""
    found = []
    for gid in os.getgrouplist(account.pw_name, account.pw_gid):
        try:
            found.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            continue  # a group without a name cannot be named in a reservation either
    return tuple(found)
