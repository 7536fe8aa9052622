"""What a site asked of Slurm for everybody by the stock spawner's `req_*`: here what stands where nothing is chosen.

Pure. The texts are the operator's, in Slurm's own writing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from facility.errors import ProfileError
from spawners.form.answer import Answer

NAMES = {"partition": "partition", "account": "account", "qos": "qos", "reservation": "reservation"}
COUNTS = {"nprocs": "cpus_per_node", "ngpus": "gpus_per_node"}
DEFAULTS = frozenset({*NAMES, *COUNTS, "memory", "runtime"})
"""Fields, without `req_`, that stand for a choice."""

MEMORY = re.compile(r"([0-9]{1,12})([KMGT]?)B?", re.IGNORECASE)
MEGABYTES = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024 * 1024}


def former_defaults(fields: Mapping[str, str]) -> Answer:
    """The choices that `fields` (names without `req_`, as the operator set them) stand for; what is empty is absent.

    Raises ProfileError for a text that Slurm could not read either.
    """
    found: Answer = {field: fields[name] for name, field in NAMES.items() if fields.get(name)}
    for name, field in COUNTS.items():
        if text := fields.get(name, ""):
            if not re.fullmatch(r"[0-9]{1,9}", text):
                raise ProfileError(f"req_{name} is a whole number, not {text!r}")
            found[field] = int(text)
    if text := fields.get("memory", ""):
        found["memory_gb"] = whole_gigabytes(text)
    if text := fields.get("runtime", ""):
        found["walltime"] = slurm_minutes(text)
    return found


def whole_gigabytes(text: str) -> int:
    """A memory as sbatch(1) reads --mem (megabytes, or with K, M, G, T), in GB of 1024 MB, rounded up."""
    match = MEMORY.fullmatch(text)
    if match is None:
        raise ProfileError(f"req_memory is a size such as 4096, 4096M or 4G, not {text!r}")
    megabytes = int(match[1]) * MEGABYTES[match[2].upper()]
    return max(1, -int(-megabytes // 1024))


def slurm_minutes(text: str) -> float:
    """A time as sbatch(1) reads --time: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S."""
    days, dash, clock = text.rpartition("-")
    parts = clock.split(":")
    if not re.fullmatch(r"([0-9]{1,4}-)?[0-9]{1,6}(:[0-9]{1,6}){0,2}", text):
        raise ProfileError(f"req_runtime is a time such as 480, 8:00:00 or 1-12:00:00, not {text!r}")
    numbers = [int(part) for part in parts]
    if dash:
        hours, minutes, seconds = [*numbers, 0, 0][:3]
        return int(days) * 1440 + hours * 60 + minutes + seconds / 60
    if len(numbers) == 3:
        return numbers[0] * 60 + numbers[1] + numbers[2] / 60
    minutes, seconds = [*numbers, 0][:2]
    return minutes + seconds / 60
