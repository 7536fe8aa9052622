"""Places for data: scratch, community and archive here, and one at a second site, which rclone reaches as a remote."""

from __future__ import annotations

import json
from pathlib import Path

from beamside.demo import secret_files
from beamside.demo.layout import Layout

TITLES = {
    "scratch": "Fast, for jobs that run",
    "community": "Shared by a project",
    "archive": "Kept for years",
    "second-site": "At another facility",
}
REMOTE = "second"
"""What rclone calls the second site. Here it is a folder of this machine; a site would name an SFTP or S3 server."""


def folder(layout: Layout, name: str) -> Path:
    """Where a tier's directories lie, one a person."""
    return layout.scratch if name == "scratch" else layout.state / "tiers" / name


def remotes(layout: Layout) -> Path:
    """rclone.conf, readable by everybody: it holds no secret."""
    return layout.state / "rclone.conf"


def profile_text(layout: Layout) -> str:
    """The tiers' sections of facility.toml."""
    sections = []
    for name, title in TITLES.items():
        path = json.dumps(str(folder(layout, name) / "{user}"))
        remote = f'remote = "{REMOTE}"\n' if name == "second-site" else ""
        sections.append(f"[tiers.{name}]\ntitle = {json.dumps(title)}\npath = {path}\n{remote}")
    return "\n".join(sections)


def make(layout: Layout, people: list[str]) -> None:
    """Make every person's directory in every tier, and name the second site."""
    for name in TITLES:
        secret_files.make_directory(folder(layout, name).parent, mode=0o755)
        secret_files.make_directory(folder(layout, name), mode=0o755)
        for person in people:
            secret_files.make_directory(folder(layout, name) / person, owner=person)
    remotes(layout).write_text(f"[{REMOTE}]\ntype = local\n", encoding="utf-8")
    remotes(layout).chmod(0o644)
