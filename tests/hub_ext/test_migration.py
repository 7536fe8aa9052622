"""Configurations of hubs that use batchspawner or jupyterhub_moss today, on a real Slurm, with the changed line."""

from __future__ import annotations

import contextlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import batchspawner
import pytest
from traitlets.config import Config

from facility.errors import ProfileError
from spawners.legacy import refuse_shell_settings
from spawners.moss import read_config, tables

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.timeout(900)  # the hub and its service are started three times over

BATCHSPAWNER = '''
for name in ("req_prologue", "req_epilogue"):  # of the other tests' hub
    del c.FacilitySpawner[name]
c.JupyterHub.spawner_class = "spawners.FacilitySpawner"
c.BatchSpawnerBase.req_account = "als"
c.SlurmSpawner.req_qos = "debug"
c.SlurmSpawner.req_partition = "main"
c.SlurmSpawner.req_runtime = "0:07:00"
c.SlurmSpawner.req_nprocs = "1"
c.SlurmSpawner.req_memory = "1G"
c.SlurmSpawner.req_options = "--nice=7"
c.SlurmSpawner.req_prologue = "export TOOLS=prologue PATH={path}"
c.SlurmSpawner.req_epilogue = "true"
c.SlurmSpawner.batch_script = """{script}"""
'''
MOSS = """
c = get_config()
c.MOSlurmSpawner.singularity_cmd = ["apptainer", "exec"]
c.MOSlurmSpawner.partitions = {{
    "main": {{
        "architecture": "x86_64",
        "description": "All nodes",
        "max_runtime": 12 * 3600,
        "simple": True,
        "jupyter_environments": {{
            "default": {{
                "description": "Default",
                "path": "{path}",
                "prologue": "export TOOLS='of moss'",
            }},
            "modules": {{"description": "Modules", "modules": "JupyterLab/4.6", "add_to_path": False}},
            "image": {{"description": "Image", "path": "/images/lab.sif"}},
        }},
    }},
    "other": {{
        "simple": False,
        "jupyter_environments": {{
            "default": {{"description": "Of the other", "path": "/other/bin"}},
            "image": {{"description": "Image", "path": "/images/lab.sif"}},
        }},
    }},
}}
"""


@contextlib.contextmanager
def rewritten(hub: HubAtWork, *, configuration: str = "", profile: str = "") -> Iterator[None]:
    """The hub, restarted with more at the end of its configuration and its profile; as it was afterwards."""
    files = {hub.folder / "jupyterhub_config.py": configuration, hub.place / "facility.toml": profile}
    before = {path: path.read_text(encoding="utf-8") for path in files}
    restarted = ("hub", "facility") if profile else ("hub",)
    try:
        for path, more in files.items():
            path.write_text(before[path] + more, encoding="utf-8")
        restart(hub, *restarted)
        yield
    finally:
        hub.tidy()
        for path, text in before.items():
            path.write_text(text, encoding="utf-8")
        restart(hub, *restarted)


def restart(hub: HubAtWork, *names: str) -> None:
    """End these processes and start them anew."""
    for name in names:
        hub.kill(name)
        hub.start(name)
    hub.wait_up()


@pytest.fixture(scope="module")
def moved(running_hub: HubAtWork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubAtWork]:
    """A hub that batchspawner and moss configured, after its move."""
    config = tmp_path_factory.mktemp("moss") / "jupyterhub_config.py"
    config.write_text(MOSS.format(path=running_hub.control), encoding="utf-8")
    text = tables(read_config(config).partitions, "sidecar")
    script = batchspawner.SlurmSpawner.batch_script.default_value
    with rewritten(
        running_hub,
        configuration=BATCHSPAWNER.format(script=script, path=running_hub.slurm.packages.path),  # srun may lie anywhere
        profile=text.partition("\n")[2],  # without the default partition, which these tests' profile has
    ):
        yield running_hub


@pytest.fixture
def hub(moved: HubAtWork) -> HubAtWork:
    """That hub, with no server, no job and no fault."""
    moved.tidy()
    return moved


@pytest.mark.slurm
def test_a_batchspawner_configuration_starts_servers_by_one_changed_line(hub: HubAtWork) -> None:
    """The site's own script and its `req_*` reach Slurm as before."""
    assert hub.ask_to_start().status_code in {201, 202}
    job = hub.wait_serving(seconds=120)
    fields = hub.slurm.run("squeue", "-h", "-j", job, "-o", "%a %q %P %l %C %m %y").split()
    text = hub.slurm.run("scontrol", "write", "batch_script", job, "-", user=hub.user)

    assert ["als", "debug", "main", "7:00", "1", "1G", "7"] == fields
    assert "export TOOLS=prologue" in text
    assert "\nsrun " in text


@pytest.mark.slurm
def test_a_choice_goes_before_the_operators_word(hub: HubAtWork) -> None:
    """Account and time are the person's, the partition is still the operator's."""
    assert hub.ask_to_start({"account": "ncem", "walltime": "5"}).status_code in {201, 202}
    job = hub.wait_serving(seconds=120)

    assert ["ncem", "5:00", "main"] == hub.slurm.run("squeue", "-h", "-j", job, "-o", "%a %l %P").split()


@pytest.mark.slurm
def test_an_environment_of_moss_starts_servers_by_its_own_path_and_lines(hub: HubAtWork) -> None:
    """Written by `python -m spawners.moss`, chosen by its name."""
    program = hub.control / "jupyterhub-singleuser"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {hub.place / 'stub.py'}\n", encoding="utf-8")
    program.chmod(0o755)
    assert hub.ask_to_start({"image": "default"}).status_code in {201, 202}
    job = hub.wait_serving(seconds=120)
    text = hub.slurm.run("scontrol", "write", "batch_script", job, "-", user=hub.user)

    assert f"export TOOLS='of moss'\nexport PATH=\"{hub.control}:$PATH\"" in text


def test_each_environment_of_moss_is_listed_once(tmp_path: Path) -> None:
    """Path, modules and container image become argv and lines; one that differs keeps its partition in its name."""
    config = tmp_path / "jupyterhub_config.py"
    config.write_text(MOSS.format(path="/env/bin/"), encoding="utf-8")
    found = read_config(config)
    text = tables(found.partitions, "sidecar", tuple(found.singularity_cmd))
    images = {image["name"]: image for image in tomllib.loads(text)["systems"]["sidecar"]["images"]}

    assert ["default", "modules", "image", "default-other"] == list(images)
    assert ["export TOOLS='of moss'", 'export PATH="/env/bin/:$PATH"'] == images["default"]["activate"]
    assert ["module load JupyterLab/4.6"] == images["modules"]["activate"]
    assert [
        ["/env/bin/jupyterhub-singleuser"],
        ["jupyterhub-singleuser"],
        ["apptainer", "exec", "/images/lab.sif", "jupyterhub-singleuser"],
        ["/other/bin/jupyterhub-singleuser"],
    ] == [image["command"] for image in images.values()]


def test_a_section_of_moss_stops_the_hub_and_names_the_remedy() -> None:
    """What would be ignored is said at the start."""
    config = Config()
    config.MOSlurmSpawner.partitions = {"main": {}}

    with pytest.raises(ProfileError, match=r"python -m spawners\.moss"):
        refuse_shell_settings(config)


def test_a_field_without_a_place_stops_the_hub() -> None:
    """A `req_*` that stands for no choice must be in the batch script."""
    config = Config()
    config.SlurmSpawner.req_cluster = "big"

    with pytest.raises(ProfileError, match=r"the batch script has no \{\{cluster\}\}"):
        refuse_shell_settings(config)
    config.SlurmSpawner.batch_script = "#!/bin/sh\n#SBATCH --clusters={{cluster}}\n{{cmd}}\n"
    refuse_shell_settings(config)
