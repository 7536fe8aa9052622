"""A packed environment as somebody names it: the archive that there is."""

from __future__ import annotations

import tarfile
from pathlib import Path

from dask_hpc.request.shape import Shape
from facility.errors import OptionError
from facility.profile import System

FIELD = "packed_environment"
_ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878, section 3.1.1; tar(1) reads it, Python's tarfile does not


def find_archive(shape: Shape, system: System) -> str:
    """The whole path of the archive that is named, also below "~" or this folder; empty where none is.

    A laptop needs none: its environment is on its own disk. Raises OptionError where there is no such file, for what
    is no tar archive, and beside an image.
    """
    if not shape.packed_environment or system.scheduler == "none":
        return ""
    if shape.image:
        raise OptionError(FIELD, f"image {shape.image} has an environment of its own; name one of both")
    path = Path(shape.packed_environment).expanduser().absolute()
    try:
        if not _is_archive(path):
            words = "is no tar archive; make one by conda-pack, or `tar -czf ENVIRONMENT.tar.gz -C ENVIRONMENT .`"
            raise OptionError(FIELD, f"{path} {words}")
    except OSError as error:
        raise OptionError(FIELD, f"{path} cannot be read: {error.strerror}") from error
    return str(path)


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(len(_ZSTD))
    return begins == _ZSTD or tarfile.is_tarfile(path)
