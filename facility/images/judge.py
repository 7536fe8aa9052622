"""Whether an image can run a notebook server: what labels and facility.toml say, never what its name suggests."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from facility.image_facts import ImageCatalogue
from facility.images.found import Found
from facility.models import Image

STARTED = frozenset({"none", "module", "conda"})
"""Drivers of images that a batch job can start a notebook server in without any container runtime."""


def image_of(found: Found, facts: ImageCatalogue) -> Image:
    """The record of an image; its name says which runtime takes it, so that two catalogues cannot mean two by one."""
    pulled = f"pulled {found.pulled:%Y-%m-%d}" if found.pulled else ""
    return Image(f"{found.runtime}:{found.name}", found.runtime, found.name, pulled, runs_jupyter(found, facts))


def runs_jupyter(found: Found, facts: ImageCatalogue) -> bool:
    """Whether its builder says so by a label, or the operator by naming it."""
    label, _, wanted = facts.jupyter_label.partition("=")
    if label and label in found.labels and (not wanted or found.labels[label] == wanted):
        return True
    return any(fnmatchcase(found.name, pattern) for pattern in facts.jupyter_images)


def why_not(image: Image, set_up: Collection[str], reason: str = "") -> str:
    """Why a server cannot start in it, in words; empty where it can.

    `set_up` are the container runtimes of the system, `reason` is what its catalogue says itself.
    """
    if not image.runs_jupyter:
        return f"Nothing says that {image.title} has Jupyter in it, neither a label of it nor facility.toml."
    if reason:
        return reason
    if image.driver not in STARTED and image.driver not in set_up:
        lacking = "no container runtime is" if image.driver == "static" else f"{image.driver} is not"
        return f"{image.title} is a container image, and {lacking} set up here."
    return ""
