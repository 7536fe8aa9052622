"""What the group filesystem asks for. `source_path` is another name of `path`, which some requests may use."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from facility.service.as_user.tasks import LARGEST_CONTENT
from facility.service.routers.iri.version import URN

Path = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]
Source = Annotated[Path, Field(validation_alias=AliasChoices("path", "source_path"))]
Number = Annotated[int, Field(ge=1, le=2**40)]
MODE = r"^[0-7]{3,4}$"
COMPRESSIONS = ("none", "bzip2", "gzip", "xz")
CompressionWord = Annotated[str, StringConstraints(pattern=rf"^({URN}:compression:)?({'|'.join(COMPRESSIONS)})$")]


class Asked(BaseModel):
    """The body of one request."""

    model_config = ConfigDict(extra="forbid", validate_by_name=True, validate_by_alias=True)


class OnePath(Asked):
    """What needs a path and nothing else."""

    path: Path


class Chmod(Asked):
    """Permissions, in octal."""

    path: Source
    mode: Annotated[str, StringConstraints(pattern=MODE)]


class Chown(Asked):
    """A file's new group; its owner stays."""

    path: Source
    owner: Annotated[str, StringConstraints(max_length=64)] = ""
    group: Annotated[str, StringConstraints(max_length=64)] = ""

    @model_validator(mode="after")
    def _group_alone(self) -> Chown:
        if self.owner or not self.group:
            raise ValueError("name the new group alone: nobody can give files to another user")
        return self


class Stat(Asked):
    """What stat(2) tells."""

    path: Path
    dereference: bool = False


class MakeDirectory(Asked):
    """A new directory."""

    path: Source
    parent: bool = False


class Symlink(Asked):
    """A link at `link_path` that names `path`."""

    path: Source
    link_path: Path


class List(Asked):
    """The entries of a directory."""

    path: Path
    show_hidden: bool = Field(False, alias="showHidden")
    numeric_uid: bool = Field(False, alias="numericUid")
    recursive: bool = False
    dereference: bool = False


class _Part(Asked):
    path: Path
    bytes: Number | None = None
    lines: Number | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> _Part:
        if (self.bytes is None) == (self.lines is None):
            raise ValueError("name either bytes or lines")
        return self


class Head(_Part):
    """The first of a file, or all but the last."""

    skip_trailing: bool = Field(False, alias="skipTrailing")


class Tail(_Part):
    """The last of a file, or all but the first."""

    skip_heading: bool = Field(False, alias="skipHeading")


class View(Asked):
    """A part of a file."""

    path: Path
    size: Annotated[int, Field(ge=1, le=LARGEST_CONTENT)] = LARGEST_CONTENT
    offset: Annotated[int, Field(ge=0, le=2**60)] = 0


class Transfer(Asked):
    """From one path to another."""

    path: Source
    target_path: Path


class Copy(Transfer):
    """A copy."""

    dereference: bool = False


class Extract(Transfer):
    """An archive to unpack."""

    compression: CompressionWord = "gzip"


class Compress(Extract):
    """A new archive; `match_pattern` is a regular expression that finds what goes in."""

    match_pattern: Annotated[str, StringConstraints(max_length=1000)] | None = None
    dereference: bool = False


class TaskSubmitted(BaseModel):
    """Where the result will be."""

    task_id: str
    task_uri: str
