"""docs/reference/lab.md says what the code does: routes, event, settings, plugins and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from tornado.websocket import WebSocketHandler

from server_ext import app, problems
from server_ext.wire import EVENT

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "lab.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text below a heading of the page, as far as the next one."""
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def first_column(text: str) -> set[str]:
    """What stands in backquotes in the first column of the tables in `text`."""
    cells = (line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    return {name for cell in cells for name in re.findall("`([^`]+)`", cell)}


def test_every_route_is_described() -> None:
    """Methods and paths of the page are those of the server, no more and no fewer."""
    real = set()
    for pattern, handler in app.ROUTES:
        path = pattern.replace("([^/]+)", "{id}", 1).replace("([^/]+)", "{page}").replace("(.*)", "{page}")
        methods = [name.upper() for name in ("get", "delete", "post", "put", "patch") if name in vars(handler)]
        real |= {path} if issubclass(handler, WebSocketHandler) else {f"{method} {path}" for method in methods}

    assert first_column(section("Routes")) == real


def test_every_status_is_described() -> None:
    """A status that the code can answer stands in the table of errors."""
    told = {int(status) for status in re.findall(r"^\| (\d{3}) \|", section("Routes"), re.MULTILINE)}

    assert told == {status for _, status, _ in problems.NEXT} | {500}


def test_every_setting_is_described() -> None:
    """The traits of the extension that may be configured are those of the page."""
    own = app.BeamsideApp.class_own_traits(config=True)

    assert first_column(section("Settings of the server")) == {f"BeamsideApp.{name}" for name in own}


def test_the_event_is_described() -> None:
    """Its id and each of its fields."""
    schema = yaml.safe_load((Path(app.__file__).parent / "events" / "job-delta.v1.yaml").read_text(encoding="utf-8"))
    text = section("Event")

    assert schema["$id"] == EVENT
    assert {EVENT, *schema["properties"]} <= set(re.findall("`([^`]+)`", text))


@pytest.mark.parametrize("namespace", ["CommandIDs", "PluginIDs"])
def test_every_command_and_plugin_is_described(namespace: str) -> None:
    """The ids in tokens.ts are those of the page."""
    tokens = (ROOT / "labextension" / "src" / "tokens.ts").read_text(encoding="utf-8")
    block = re.search(rf"namespace {namespace} {{(.*?)\n}}", tokens, re.DOTALL)
    assert block
    ids = set(re.findall(r"= '([^']+)'", block[1]))

    described = first_column(section("Plugins and commands of JupyterLab"))
    assert ids == {name for name in described if name.startswith("@") == (namespace == "PluginIDs")}
