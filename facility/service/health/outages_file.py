"""The operator's file of planned outages: TOML, read again when it changed, the last good one kept."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from facility.errors import Unreadable
from facility.status import Condition, Outage

LARGEST = 1_000_000  # bytes


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    resource: str = Field("", max_length=64)
    starts: AwareDatetime
    ends: AwareDatetime
    description: str = Field(max_length=2000)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    outage: tuple[_Entry, ...] = ()


class OutagesFile:
    """What `service.outages_file` says; its `read` blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._outages: tuple[Outage, ...] = ()

    def read(self) -> tuple[Outage, ...]:
        """The outages in it. Raises Unreadable naming what is wrong; what was good before is given the next time."""
        try:
            found = self._path.stat()
            if self._read_at == (found.st_mtime_ns, found.st_size):
                return self._outages
            self._read_at = (found.st_mtime_ns, found.st_size)
            if found.st_size > LARGEST:
                raise Unreadable(f"{self._path} is longer than {LARGEST} bytes")
            text = self._path.read_text(encoding="utf-8")
            entries = _File.model_validate(tomllib.loads(text)).outage
        except OSError as error:
            raise Unreadable(f"{self._path} cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Unreadable(f"{self._path} is not TOML: {error}") from error
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise Unreadable(f"{self._path}: {wrong[:500]}") from error
        self._outages = tuple(_outage(entry) for entry in entries)
        return self._outages


def _outage(entry: _Entry) -> Outage:
    starts: datetime = entry.starts.astimezone(UTC)
    return Outage(
        id=f"file-{entry.resource or 'all'}-{int(starts.timestamp())}",
        resource=entry.resource,
        starts=starts,
        ends=entry.ends.astimezone(UTC),
        description=entry.description,
        state=Condition.DOWN,
        planned=True,
        source="file",
    )
