"""Settings of the stock batch spawner that this one does not take, and what takes their place.

`req_*` and `batch_script` are honoured: a site migrates by one line. Commands given as shell text are not, because
every command here is an argument list from facility.toml. What would be ignored stops the hub with its remedy.
"""

from __future__ import annotations

import re
from pathlib import Path

from traitlets.config import Config

from facility.errors import ProfileError
from spawners.former import DEFAULTS, former_defaults

REFUSED = {
    "exec_prefix": "as_user in facility.toml says how the hub acts for a user",
    "batch_submit_cmd": "systems.NAME.commands.sbatch in facility.toml names the command",
    "batch_query_cmd": "systems.NAME.commands.squeue in facility.toml names the command",
    "batch_cancel_cmd": "systems.NAME.commands.scancel in facility.toml names the command",
    "batchspawner_singleuser_cmd": "FacilitySpawner.job_python names the Python that proves the job to the hub",
    "state_pending_re": "job states are read by name; leave it out",
    "state_running_re": "job states are read by name; leave it out",
    "state_unknown_re": "job states are read by name; leave it out",
    "state_exechost_re": "FacilitySpawner.node_addresses maps node names to addresses",
    "state_exechost_exp": "FacilitySpawner.node_addresses maps node names to addresses",
    "startup_poll_interval": "service.poll_seconds in facility.toml is the one poll of the cluster",
    "ip": "a server listens at the address of its own node; FacilitySpawner.node_addresses maps node names",
}
"""Name of a setting → what to do instead."""

SECTIONS = ("Spawner", "BatchSpawnerBase", "BatchSpawnerRegexStates", "SlurmSpawner", "FacilitySpawner")
"""The configuration sections that reach our spawner, the last word last."""

MOSS = "MOSlurmSpawner"
MOSS_REMEDY = "`python -m spawners.moss FILE` writes its partitions as the tables of facility.toml; remove the section"

SHIPPED_SCRIPT = (Path(__file__).parent / "templates" / "job.sh").read_text(encoding="utf-8")
"""The batch script of a site that brings none."""


def refuse_shell_settings(config: Config) -> None:
    """Check a hub's configuration once, when it starts.

    Raises ProfileError that names every setting which would be ignored, and its replacement.
    """
    given = {section: config[section] for section in SECTIONS if section in config}
    wrong = [
        f"c.{section}.{name}: {remedy}"
        for section, settings in given.items()
        for name, remedy in REFUSED.items()
        if name in settings
    ]
    wrong += [f"c.{MOSS}: {MOSS_REMEDY}"] if MOSS in config else []
    wrong += _fields_without_a_place(given)
    if wrong:
        raise ProfileError("these settings are not taken by FacilitySpawner: " + "; ".join(wrong))
    fields = {name: str(value) for settings in given.values() for name, value in settings.items()}
    former_defaults({name.removeprefix("req_"): text for name, text in fields.items() if name.startswith("req_")})


def _fields_without_a_place(given: dict[str, Config]) -> list[str]:
    """Each `req_*` that stands for no choice and has no place in the batch script."""
    scripts = [str(settings.batch_script) for settings in given.values() if "batch_script" in settings]
    places = " ".join(re.findall(r"\{.+?\}", scripts[-1] if scripts else SHIPPED_SCRIPT))
    return [
        f"c.{section}.{name}: the batch script has no {{{{{field}}}}}; put it into c.FacilitySpawner.batch_script"
        for section, settings in given.items()
        for name in settings
        if name.startswith("req_")
        and (field := name.removeprefix("req_")) not in DEFAULTS
        and not re.search(rf"\b{re.escape(field)}\b", places)
    ]
