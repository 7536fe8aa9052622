"""The record of a named cluster: how kernels, the Lab panel and the command find a Dask cluster again.

One JSON file a cluster, 0600, in a 0700 directory of the user's; written whole and renamed into place.
Standard library only: the Lab server reads it without Dask.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from facility.errors import NotFound, Unreadable

SCHEMA = 2
_READ = (1, SCHEMA)  # 1 had one block, and did not name it
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
"""A cluster's name; it becomes a file name and a job name, so nothing else is allowed."""


BASE_URL = "BEAMSIDE_BASE_URL"
"""The variable by which a Jupyter server with our extension tells its kernels the path that it is served at."""


@dataclass(frozen=True)
class BlockRecord:
    """One batch job of a cluster."""

    number: int  # 0 holds the scheduler; numbers are never used again
    job_id: str = ""  # empty until Slurm has given one
    state: str = "pending"  # submitting, pending, starting, running, leaving, empty
    words: str = ""  # what it waits for, or how many of its ranks are there


@dataclass(frozen=True)
class ClusterRecord:
    """One named cluster. TLS keys lie in files beside the record, never in it."""

    name: str
    created: float  # seconds since the epoch, UTC
    account: str
    qos: str
    reservation: str
    nodes: int  # of each block
    ranks_per_node: int
    job_ids: tuple[str, ...] = ()  # of all blocks that have one; the first holds the scheduler
    blocks: tuple[BlockRecord, ...] = ()
    wished: int = 1  # how many blocks the cluster was last asked to have
    agents_address: str = ""  # "nid001:34568", where the blocks' agents reach the scheduler
    scheduler_address: str = ""  # "tls://nid001:34567"; empty until the scheduler listens
    scheduler_id: str = ""  # Dask's own id; another id at that address means: not this cluster
    dashboard_socket: str = ""  # path of the Unix socket in a 0700 directory; empty where there is none
    dashboard_address: str = ""  # "nid001:34569", behind the cluster's own TLS; empty where the socket is all
    state: str = "starting"  # starting, running, closing, failed
    reason: str = ""  # in words, where the state needs any
    version: int = 0  # grows with each change
    schema: int = SCHEMA

    @property
    def ranks(self) -> int:
        """How many ranks, hence Dask workers, each block has."""
        return self.nodes * self.ranks_per_node


def directory() -> Path:
    """The user's cluster directory, made 0700 where it is missing."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(base) / "beamside" / "clusters"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def check_name(name: str) -> str:
    """The name, which may become a file name and a job name.

    Raises NotFound where no cluster can have it.
    """
    if not NAME.fullmatch(name):
        rule = "use 1 to 40 of a-z, 0-9 and '-', beginning with a letter or digit"
        raise NotFound(f"no cluster can be named {name!r}: {rule}")
    return name


def _path(name: str) -> Path:
    return directory() / f"{check_name(name)}.json"


def write_record(record: ClusterRecord) -> None:
    """Store the record so that a reader sees the old one or the new one, never a part."""
    target = _path(record.name)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{record.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(record), file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_record(name: str) -> ClusterRecord:
    """The record of the cluster `name`.

    Raises NotFound where there is none, Unreadable where the file is not ours to understand.
    """
    path = _path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"no cluster is named {name!r}; MPICluster.list() shows the names") from error
    return _parse(path, text)


def _parse(path: Path, text: str) -> ClusterRecord:
    try:
        found = json.loads(text)
        if found["schema"] not in _READ:
            raise Unreadable(f"{path} has schema {found['schema']}, this beamside reads {SCHEMA}", text)
        known = {field.name for field in fields(ClusterRecord)}
        values: dict[str, Any] = {key: value for key, value in found.items() if key in known}
        blocks = tuple(BlockRecord(**block) for block in values.get("blocks", ()))
        return ClusterRecord(**{**values, "job_ids": tuple(values["job_ids"]), "blocks": blocks})
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(f"{path} is not a cluster record: {error}", text) from error


def list_records() -> list[ClusterRecord]:
    """Every readable record, newest first. One broken file hides no other."""
    found = []
    for path in directory().glob("*.json"):
        try:
            found.append(_parse(path, path.read_text(encoding="utf-8")))
        except (Unreadable, OSError):
            continue  # a record of another version, or one removed while we read
    return sorted(found, key=lambda record: record.created, reverse=True)


def remove_record(name: str) -> None:
    """Forget the cluster `name`; one that is not there is no error."""
    _path(name).unlink(missing_ok=True)
