"""What a site brings along from the stock batch spawner: the operator's texts count, shell commands do not."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import batchspawner.batchspawner as stock
import pytest
from traitlets.config import Config

from facility.errors import FacilityError, ProfileError
from spawners.legacy import REFUSED, refuse_shell_settings
from spawners.spawner import FacilitySpawner


def methods_that_reach_a_shell() -> set[str]:
    """Every method of the stock classes from which, call by call, a shell can be reached."""
    classes = [cls for cls in FacilitySpawner.__mro__ if cls.__module__ == stock.__name__]
    calls: dict[str, set[str]] = {}
    for cls in classes:
        for node in ast.parse(inspect.getsource(cls)).body[0].body:  # type: ignore[attr-defined]  # it is a class
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                used = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
                calls.setdefault(node.name, set()).update(used)
    reaching = {"create_subprocess_shell"}
    while more := {name for name, used in calls.items() if used & reaching} - reaching:
        reaching |= more
    return reaching - {"create_subprocess_shell"}


def test_no_inherited_method_reaches_a_shell() -> None:
    """Each stock method that leads to a shell is replaced by one of ours."""
    reaching = methods_that_reach_a_shell()

    assert {"run_command", "submit_batch_script", "query_job_status", "cancel_batch_job", "poll"} <= reaching
    ours = {name for cls in FacilitySpawner.__mro__ if cls.__module__.startswith("spawners.") for name in vars(cls)}
    assert set() == reaching - ours


def test_our_own_code_knows_no_shell() -> None:
    """Nothing in spawners or hub_ext starts a shell, or a process at all."""
    root = Path(inspect.getfile(FacilitySpawner)).parents[1]
    for package in ("spawners", "hub_ext"):
        for path in (root / package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            used = {ast.unparse(n.func).rpartition(".")[2] for n in ast.walk(tree) if isinstance(n, ast.Call)}
            used |= {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}

            assert not used & {"create_subprocess_shell", "create_subprocess_exec", "subprocess", "pty"}, path
            assert "os.system" not in path.read_text(encoding="utf-8")


async def test_the_stock_way_to_run_a_command_is_closed() -> None:
    """Whoever calls it, by a subclass or a hook, is told so."""
    spawner = FacilitySpawner.__new__(FacilitySpawner)

    for call in (spawner.run_command("true"), spawner.submit_batch_script(), spawner.cancel_batch_job()):
        with pytest.raises(FacilityError, match="runs no shell"):
            await call


@pytest.mark.parametrize("section", ["SlurmSpawner", "BatchSpawnerBase", "FacilitySpawner", "Spawner"])
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_setting_that_would_be_ignored_stops_the_hub(section: str, name: str) -> None:
    """The message names the setting and what takes its place."""
    config = Config()
    config[section][name] = "sudo -E -u {username}"

    with pytest.raises(ProfileError) as refusal:
        refuse_shell_settings(config)
    assert f"c.{section}.{name}: {REFUSED[name]}" in str(refusal.value)


def test_the_operators_texts_are_kept() -> None:
    """`req_*` and `batch_script` are taken as before, so a site changes one line."""
    config = Config()
    config.SlurmSpawner.req_prologue = "module load jupyter"
    config.SlurmSpawner.batch_script = "#!/bin/sh\n{{prologue}}\n{{cmd}}\n"
    config.Spawner.start_timeout = 60

    refuse_shell_settings(config)


def test_every_refused_setting_exists_in_the_stock_spawner() -> None:
    """The list names real settings only, so that it stays true."""
    assert set() == {name for name in REFUSED if not FacilitySpawner.class_traits().get(name)}
