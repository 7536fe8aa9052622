"""What every catalogue of images offers."""

from __future__ import annotations

from typing import Protocol

from facility.answers import Images


class Catalogue(Protocol):
    """One source of images."""

    async def images(self, user: str) -> Images:
        """What `user` may start here, and what is withheld with the reason; private images only to their users.

        Raises Unreachable when the catalogue does not answer: an empty catalogue is an answer, a failure is not.
        """
        ...
