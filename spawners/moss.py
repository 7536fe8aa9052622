"""The partitions of a jupyterhub_moss configuration as tables of facility.toml.

    python -m spawners.moss jupyterhub_config.py > tables.toml

What limits a partition is not copied: Slurm says it, and the form asks Slurm.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from traitlets.config.loader import Config, ConfigFileNotFound, PyFileConfigLoader

from facility.errors import ProfileError
from spawners.untyped import Untyped

SECTION = "MOSlurmSpawner"
SERVER = "jupyterhub-singleuser"


def read_config(file: Path) -> Config:
    """The section of `file`, which is run as JupyterHub runs it.

    Raises ProfileError for a file that cannot be run, or that sets no partitions.
    """
    try:
        config = PyFileConfigLoader(file.name, path=str(file.parent)).load_config()
    except (ConfigFileNotFound, ImportError) as error:
        raise ProfileError(f"{file} cannot be run ({error}); run this in the Python of the hub that uses it") from error
    found: Config = config[SECTION]
    if not found.get("partitions"):
        raise ProfileError(f"{file} sets no c.{SECTION}.partitions; there is nothing to take over")
    return found


def tables(partitions: Mapping[str, Untyped], system: str = "NAME", singularity: tuple[str, ...] = ()) -> str:
    """TOML: words for each partition, and each environment as an image; `singularity` is the argv before a .sif.

    An environment that several partitions describe alike is listed once; one of the same name that differs has the
    name of its partition in its own.
    """
    lines = [f"default_partition = {_text(_default(partitions))}  # of [systems.{system}]"]
    for name, facts in partitions.items():
        words = facts.get("description") or facts.get("architecture") or name
        lines += ["", f"[systems.{system}.partitions.{_text(name)}]", f"title = {_text(words)}"]
    for name, environment in _distinct(partitions).items():
        lines += ["", f"[[systems.{system}.images]]", f"name = {_text(name)}"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in _image(environment, singularity).items()]
    return "\n".join(lines) + "\n"


def _default(partitions: Mapping[str, Untyped]) -> str:
    """The one that moss's form begins with: the first that is simple."""
    simple = (name for name, facts in partitions.items() if facts.get("simple", True))
    return next(simple, next(iter(partitions)))


def _distinct(partitions: Mapping[str, Untyped]) -> dict[str, Mapping[str, Untyped]]:
    """Name → facts of each environment."""
    found: dict[str, Mapping[str, Untyped]] = {}
    for partition, facts in partitions.items():
        for name, environment in facts["jupyter_environments"].items():
            if found.setdefault(name, environment) != environment:
                found[f"{name}-{partition}"] = environment
    return found


def _image(environment: Mapping[str, Untyped], singularity: tuple[str, ...]) -> dict[str, Untyped]:
    """One environment in the words of `[[systems.NAME.images]]`."""
    path, modules = str(environment.get("path", "")), str(environment.get("modules", ""))
    title = str(environment["description"])
    activate = [line for line in str(environment.get("prologue", "")).splitlines() if line.strip()]
    activate += [f"module load {modules}"] if modules else []
    if path.endswith(".sif"):
        command = [*(singularity or ("singularity", "exec")), path, SERVER]
    else:
        activate += [f'export PATH="{path}:$PATH"'] if path and environment.get("add_to_path", True) else []
        command = [str(Path(path) / SERVER)]
    kind = "module" if modules else "conda"
    return {"title": title, "driver": kind if activate else "none", "activate": activate, "command": command}


def _text(text: str) -> str:
    """A TOML string; JSON writes it alike."""
    return json.dumps(text)


def main(arguments: list[str]) -> int:
    """Print the tables; 2 and one line where there are none."""
    try:
        (file,) = arguments
        config = read_config(Path(file))
        sys.stdout.write(tables(config.partitions, singularity=tuple(config.get("singularity_cmd", ()))))
    except ValueError:
        sys.stderr.write("say which file: python -m spawners.moss jupyterhub_config.py\n")
        return 2
    except ProfileError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
