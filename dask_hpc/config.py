"""The knobs of dask_hpc: defaults from dask_hpc.yaml under the user's own dask.config."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import dask.config
import yaml
from dask.utils import parse_bytes, parse_timedelta

from facility.errors import OptionError

Number = TypeVar("Number", int, float)

DEFAULTS = Path(__file__).with_name("dask_hpc.yaml")

_KNOWN = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["dask_hpc"]

dask.config.update_defaults({"dask_hpc": _KNOWN})


SHAPE = (
    "nodes", "ranks-per-node", "threads-per-rank", "memory-per-rank", "gpus-per-rank", "blocks",
    "qos", "partition", "account", "reservation", "constraint", "image", "packed-environment",
    "mpi", "walltime",
)  # fmt: skip
"""The keys that say what a cluster is made of; `dask_hpc.request.shape` reads and judges them."""


Provider = Literal["slurm", "superfacility"]
"""By what jobs are submitted, followed and cancelled."""


@dataclass(frozen=True)
class Knobs:
    """What dask.config says about how clusters live, in plain units. The reference describes each."""

    threads_per_rank: int
    memory_per_rank: int  # bytes
    idle_timeout: float  # seconds
    no_client_timeout: float  # seconds
    close_timeout: float  # seconds
    drain_timeout: float  # seconds
    lost_client_timeout: float  # seconds
    silence_timeout: float  # seconds
    environment: tuple[str, ...]  # names of further variables that the job may have
    import_once: tuple[str, ...] = ()  # further packages that a node without MPI imports before it forks
    provider: Provider | Literal[""] = ""  # empty: what is there; see `dask_hpc.jobs.blocks`


def read_knobs() -> Knobs:
    """The knobs as they are now.

    Raises ValueError, naming the key, where one cannot be read.
    """
    found = _settings()
    return Knobs(
        threads_per_rank=_positive("threads-per-rank", int(found["threads-per-rank"])),
        memory_per_rank=_positive("memory-per-rank", parse_bytes(found["memory-per-rank"])),
        idle_timeout=_positive("idle-timeout", parse_timedelta(found["idle-timeout"])),
        no_client_timeout=_positive("no-client-timeout", parse_timedelta(found["no-client-timeout"])),
        close_timeout=_positive("close-timeout", parse_timedelta(found["close-timeout"])),
        drain_timeout=_positive("drain-timeout", parse_timedelta(found["drain-timeout"])),
        lost_client_timeout=_positive("lost-client-timeout", parse_timedelta(found["lost-client-timeout"])),
        silence_timeout=_positive("silence-timeout", parse_timedelta(found["silence-timeout"])),
        environment=tuple(found["environment"]),
        import_once=_modules("import-once", found["import-once"]),
        provider=found["provider"] and read_provider(found["provider"]),
    )


def read_provider(provider: str) -> Provider:
    """The provider of this name. Raises OptionError where there is none."""
    for known in get_args(Provider):
        if provider == known:
            return known  # type: ignore[no-any-return]  # get_args forgets of what
    raise OptionError("provider", f"{provider!r} is none; there are {', '.join(get_args(Provider))}")


def read_shape_settings() -> dict[str, object]:
    """What dask.config says that a cluster is made of, by the names of MPICluster's arguments."""
    found = _settings()
    return {key.replace("-", "_"): _KNOWN[key] if found[key] is None else found[key] for key in SHAPE}


def read_profile_setting() -> str:
    """The profile that is taken where an argument names none; empty: none."""
    return str(_settings()["profile"] or "")


def _settings() -> dict[str, Any]:
    # an environment variable can only spell idle_timeout; dask.config takes both
    found = {key.replace("_", "-"): value for key, value in dask.config.get("dask_hpc").items()}
    if unknown := sorted(set(found) - set(_KNOWN)):
        raise ValueError(f"dask.config knows no dask_hpc.{unknown[0]}; docs/reference/dask.md lists the keys")
    return found


def _modules(key: str, names: Any) -> tuple[str, ...]:  # noqa: ANN401 - from users' yaml
    known = isinstance(names, list | tuple) and all(isinstance(one, str) for one in names)
    if not known or not all(part.isidentifier() for one in names for part in one.split(".")):
        raise ValueError(f"dask.config dask_hpc.{key} is {names!r}; it must be a list of names that Python can import")
    return tuple(names)


def _positive(key: str, value: Number) -> Number:
    if value <= 0:
        raise ValueError(f"dask.config dask_hpc.{key} is {value}; it must be greater than 0")
    return value
