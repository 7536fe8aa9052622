"""Named tiers of storage, and where a person's files lie in them. Pure: nothing is looked up."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from facility.errors import NotFound, Refused
from facility.profile import Profile, Tier

LONGEST_PATH = 4096


@dataclass(frozen=True)
class Spot:
    """One place in one tier, as an engine takes it."""

    tier: Tier
    name: str  # of the tier
    path: str  # absolute, as the tier's own side has it; no "..", no double slashes

    @property
    def for_rclone(self) -> str:
        """An absolute path of this machine, or a path at the remote that the operator named; never a person's words.

        rclone takes an absolute path for one of this machine, whatever letters are in it.
        """
        return f"{self.tier.remote}:{self.path}" if self.tier.remote else self.path


def find_tier(profile: Profile, name: str) -> tuple[str, Tier]:
    """The tier of this name, or with this Globus collection. Raises NotFound naming those there are."""
    for found, tier in profile.tiers.items():
        if name == found or (tier.globus and name.lower() == tier.globus.lower()):
            return found, tier
    there = ", ".join(profile.tiers) or "none; the operator names them in facility.toml"
    raise NotFound(f"there is no tier {name[:100]!r}; there are {there}")


def spot(profile: Profile, tier_name: str, path: str, user: str) -> Spot:
    """Where `path` of `user` is: below the tier's own directory, as it is or with that directory before it.

    Raises NotFound for an unknown tier, and Refused for a path that leads out of it.
    """
    name, tier = find_tier(profile, tier_name)
    base = posixpath.normpath(tier.path.replace("{user}", user))
    _check(path)
    whole = posixpath.normpath(path if path.startswith("/") else posixpath.join(base, path))
    whole = "/" + whole.lstrip("/")  # POSIX lets normpath keep two slashes at the start
    if whole != base and not whole.startswith(base.rstrip("/") + "/"):
        raise Refused(f"{path[:200]!r} is not in {name}, which begins at {base}; give a path below it")
    return Spot(tier, name, whole)


def _check(path: str) -> None:
    try:
        length = len(path.encode())
    except UnicodeEncodeError as error:
        raise Refused("a path must be text that can be written as UTF-8") from error
    if length > LONGEST_PATH or any(ord(letter) < 32 or ord(letter) == 127 for letter in path):
        raise Refused(f"a path has {LONGEST_PATH} bytes at most, and no control characters")
    if ".." in path.split("/"):
        raise Refused(f"{path[:200]!r} holds '..'; give the path without it")
