"""What facility.toml says of environments: those it lists, where catalogues of containers are, and what starts them."""

from __future__ import annotations

import re
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from facility.models import Image

Runtime = Literal["shifter", "podman-hpc", "charliecloud"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
"""What starts a program in a container image."""

IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}")
"""A name of an image with another letter than these is never shown nor started, so that none can pretend."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageFact(_Facts):
    """One entry of the static image catalogue."""

    name: str
    driver: Literal["none", "static", "module", "conda"] | Runtime = "none"
    title: str
    description: str = ""
    runs_jupyter: bool = True
    image: str = ""  # of a container: its name as the runtime takes it
    activate: tuple[str, ...] = ()  # the operator's shell lines that prepare it, e.g. "module load python/3.11"
    command: tuple[str, ...] = ()  # argv that starts the server in it; empty: the hub's `FacilitySpawner.cmd`

    @property
    def is_container(self) -> bool:
        """Whether a container runtime starts what runs in it."""
        return self.driver in RUNTIMES

    @model_validator(mode="after")
    def _whole(self) -> ImageFact:
        if self.is_container != bool(IMAGE_NAME.fullmatch(self.image)):
            raise ValueError(f"`image` is how {' or '.join(RUNTIMES)} names a container, and of those alone")
        if self.is_container and self.activate:
            raise ValueError("a container image has no `activate`; lines before its runtime go into req_prologue")
        if self.driver in {"module", "conda"} and not self.activate:
            raise ValueError(f"an environment of kind {self.driver} says in `activate` which lines prepare it")
        if self.driver == "static" and (self.activate or self.command):
            raise ValueError("a container image has no `activate` and no `command`")
        if wrong := [line for line in self.activate if "\n" in line or not line.strip()]:
            raise ValueError(f"`activate` is one shell line an entry, and {wrong[0]!r} is none")
        return self

    def record(self) -> Image:
        """The record the Offer carries."""
        return Image(self.name, self.driver, self.title, self.description, self.runs_jupyter)


class Container(_Facts):
    """How servers start in the images of one runtime."""

    program: tuple[str, ...] = ()  # argv that stands for shifter, podman-hpc or ch-run
    options: tuple[str, ...] = ()  # more options of it, e.g. ["--bind=/global/common:/mnt/0"]
    server: tuple[str, ...] = ("jupyterhub-singleuser",)  # argv of the server, as the image has it


class ImageCatalogue(_Facts):
    """One source of container images beside the listed ones."""

    driver: Literal["shifter_gateway", "shifterimg", "podman_hpc", "charliecloud"]
    url: str = ""  # of Shifter's image gateway
    system: str = Field("", pattern=r"^[A-Za-z0-9_.-]*$")  # what that gateway calls this system
    storage: str = ""  # Charliecloud's storage directory
    command: tuple[str, ...] = ()  # argv that stands for munge, shifterimg, podman-hpc or ch-image
    jupyter_label: str = "org.beamside.jupyter=true"  # the label by which an image says that Jupyter is in it
    jupyter_images: tuple[str, ...] = ()  # names of which the operator knows it, "*" for any letters
    keep_seconds: float = Field(300.0, ge=10.0)

    @model_validator(mode="after")
    def _whole(self) -> ImageCatalogue:
        wanted = {"shifter_gateway": {"url", "system"}, "charliecloud": {"storage"}}.get(self.driver, set())
        given = {name for name in ("url", "system", "storage") if getattr(self, name)}
        if wanted != given:
            needed = f"needs {' and '.join(sorted(wanted))}" if wanted - given else f"has no {min(given - wanted)}"
            raise ValueError(f"the driver {self.driver} {needed}")
        return self
