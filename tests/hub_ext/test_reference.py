"""The reference names what exists, and nothing that does not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from hub_ext import HubDesk
from hub_ext.login import FacilityLogin
from hub_ext.login.refreshing import RefreshedLogin
from hub_ext.routes import routes
from spawners import FacilitySpawner
from spawners.form import FIELDS
from spawners.legacy import REFUSED

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reference" / "hub.md").read_text(encoding="utf-8")


def own_settings() -> set[str]:
    """The settings that our classes add or give another default."""
    return {
        f"{cls.__name__.replace('RefreshedLogin', 'FacilityLogin')}.{name}"
        for cls in (HubDesk, FacilityLogin, RefreshedLogin, FacilitySpawner)
        for name, trait in vars(cls).items()
        if getattr(trait, "metadata", {}).get("config")
    } | {"FacilityLogin.client_id"}


def first_column(heading: str) -> set[str]:
    """What stands in backquotes in the first column of the table below a heading."""
    part = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", part, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_setting_is_described_and_no_other() -> None:
    """A setting without a line, or a line without a setting, fails."""
    assert own_settings() == first_column("Settings")


def test_every_option_is_described_and_no_other() -> None:
    """The table of options is the door's list of fields."""
    assert set(FIELDS) == first_column("Options of a server")


def test_every_route_is_described_and_no_other() -> None:
    """Each route of ours has its line."""
    assert {route for route, _ in routes()} == {cell.partition(" ")[2] or cell for cell in first_column("Routes")}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_every_refused_setting_is_named(name: str) -> None:
    """Who migrates finds each setting that is no longer taken."""
    assert f"`{name}`" in TEXT


def test_the_entry_points_are_those_of_the_distribution() -> None:
    """What the table promises is what gets installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]

    for group in ("jupyterhub.spawners", "jupyterhub.authenticators"):
        for name, target in project[group].items():
            assert f"| `{group}` | `{name}` | `{target.replace(':', '.')}` |" in TEXT


def test_every_status_an_error_may_have_is_described() -> None:
    """The statuses that the code raises are those of the table."""
    raised = {
        status
        for package in ("hub_ext", "spawners")
        for path in (ROOT / package).rglob("*.py")
        for status in re.findall(r"(?:HTTPError\(|\", )(4\d\d|5\d\d)\b", path.read_text(encoding="utf-8"))
    }

    assert raised <= set(re.findall(r"^\| (\d{3}) \|", TEXT, re.MULTILINE))
    assert raised >= {"400", "403", "409", "410", "413", "500", "503"}
