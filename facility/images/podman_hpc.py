"""`podman-hpc images --format json`: podman's own list, with the images of read-only stores that all nodes share.

An image that is not in such a store (`podman-hpc migrate` puts it there) exists on one node alone. The service runs the
command as itself, so what it lists is for everybody. Source: podman-images(1); NERSC/podman-hpc.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from facility.errors import Unreachable, Unreadable
from facility.image_facts import IMAGE_NAME
from facility.images.found import Found
from facility.providers.slurm.run import Runner

COMMAND = ("podman-hpc",)
SECONDS = 60.0
NOT_SHARED = "{name} is on one node only; `podman-hpc migrate {name}` puts it where all nodes find it."


class PodmanHpc:
    """See `Driver`."""

    def __init__(self, runner: Runner, command: Sequence[str] = COMMAND) -> None:
        self._runner = runner
        self._argv = (*command, "images", "--format", "json")

    async def found(self) -> tuple[Found, ...]:
        """See `Driver.found`."""
        done = await self._runner.run(self._argv, user=None, timeout=SECONDS)
        if done.returncode != 0:
            words = done.stderr.decode(errors="backslashreplace").strip()
            raise Unreachable(f"{self._argv[0]} could not list images: {words[-500:]}")
        return read_images(done.stdout)


def read_images(stdout: bytes) -> tuple[Found, ...]:
    """One image for each of its names; those without a name cannot be started. Raises Unreadable."""
    try:
        records = json.loads(stdout or b"[]") or []
        return tuple(found for record in records for found in _read(record))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable("podman's list of images cannot be read", repr(stdout[:200])) from error


def _read(record: dict[str, Any]) -> list[Found]:
    labels = {str(key): str(value) for key, value in (record.get("Labels") or {}).items()}
    when = datetime.fromtimestamp(int(record["Created"]), UTC)
    shared = bool(record.get("ReadOnly"))
    names = [name for name in record.get("Names") or () if IMAGE_NAME.fullmatch(name)]
    reasons = ["" if shared else NOT_SHARED.format(name=name) for name in names]
    return [
        Found("podman-hpc", name, labels, pulled=when, why_not=reason)
        for name, reason in zip(names, reasons, strict=True)
    ]
