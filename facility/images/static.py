"""The catalogue that stands in facility.toml: the host's own environment, and images the operator lists."""

from __future__ import annotations

from datetime import UTC, datetime

from facility.answers import Images, WithheldImage
from facility.images.judge import why_not
from facility.profile import System


class StaticCatalogue:
    """The `images` of one system; see `Catalogue`."""

    def __init__(self, system: System) -> None:
        self._images = tuple(fact.record() for fact in system.images)
        self._set_up = frozenset(system.containers)

    async def images(self, user: str) -> Images:
        """The images that can run here; everybody sees the same."""
        reasons = {image: why_not(image, self._set_up) for image in self._images}
        offered = tuple(image for image, reason in reasons.items() if not reason)
        withheld = tuple(WithheldImage(image, reason) for image, reason in reasons.items() if reason)
        return Images(user, datetime.now(UTC), offered, withheld)
