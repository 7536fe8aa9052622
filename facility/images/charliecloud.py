"""`ch-image list` over a storage directory that all nodes see, and the labels that Charliecloud keeps in each image.

Source: ch-image(1), sections "Storage directory" and "list", Charliecloud 0.31.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from facility.errors import Unreachable, Unreadable
from facility.image_facts import IMAGE_NAME
from facility.images.found import Found
from facility.providers.slurm.run import Runner

COMMAND = ("ch-image",)
SECONDS = 60.0
LARGEST = 2**20  # bytes of an image's metadata
LETTERS = str.maketrans({"/": "%", ":": "+"})  # how the storage directory writes a name


class Charliecloud:
    """See `Driver`. `storage` is Charliecloud's storage directory."""

    def __init__(self, runner: Runner, storage: str, command: Sequence[str] = COMMAND) -> None:
        self._runner = runner
        self._storage = Path(storage)
        # the storage may be somebody else's, who alone can lock it
        self._argv = (*command, "list", "--no-lock", "--storage", storage)

    async def found(self) -> tuple[Found, ...]:
        """See `Driver.found`."""
        if not await asyncio.to_thread(self._storage.is_dir):  # ch-image would make it, and list nothing
            raise Unreachable(f"Charliecloud's storage directory {self._storage} cannot be entered")
        done = await self._runner.run(self._argv, user=None, timeout=SECONDS)
        if done.returncode != 0:
            words = done.stderr.decode(errors="backslashreplace").strip()
            raise Unreachable(f"{self._argv[0]} could not list {self._storage}: {words[-500:]}")
        names = [
            name for name in done.stdout.decode(errors="backslashreplace").split("\n") if IMAGE_NAME.fullmatch(name)
        ]
        return await asyncio.to_thread(lambda: tuple(self._image(name) for name in names))

    def _image(self, name: str) -> Found:
        """An image with its labels; one without metadata has none."""
        path = self._storage / "img" / name.translate(LETTERS) / "ch" / "metadata.json"
        try:
            with path.open("rb") as file:
                labels = json.loads(file.read(LARGEST)).get("labels") or {}
        except FileNotFoundError:
            return Found("charliecloud", name)
        except OSError as error:
            raise Unreachable(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, AttributeError) as error:
            raise Unreadable(f"{path} is not Charliecloud's metadata") from error
        return Found("charliecloud", name, {str(key): str(value) for key, value in labels.items()})
