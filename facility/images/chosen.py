"""The environment that a name of the catalogue stands for."""

from __future__ import annotations

from facility.image_facts import IMAGE_NAME, RUNTIMES, ImageFact
from facility.profile import System


def environment_chosen(system: System, image: str) -> ImageFact:
    """What facility.toml says of the environment that was chosen, or its catalogue's name says of a container.

    The host's own where neither says anything: what was chosen passed the door, and is gone since.
    """
    if (listed := next((fact for fact in system.images if fact.name == image), None)) is not None:
        return listed
    runtime, _, named = image.partition(":")
    found = next((known for known in RUNTIMES if known == runtime), None)
    if found is not None and IMAGE_NAME.fullmatch(named):
        return ImageFact(name=image, driver=found, title=named, image=named)
    return ImageFact(name="none", title="No container")
