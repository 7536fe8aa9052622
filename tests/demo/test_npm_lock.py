"""The npm programs of the demonstration."""

from __future__ import annotations

import json
from pathlib import Path

NPM = Path(__file__).parents[2] / "beamside" / "demo" / "npm"


def test_lock_pins_every_package_and_names_no_registry() -> None:
    """Each package has a version and a checksum, and is fetched from the registry that the machine is set up for."""
    packages = json.loads((NPM / "package-lock.json").read_text())["packages"]
    packages.pop("")

    assert all("integrity" in package and "resolved" not in package for package in packages.values())
    assert {"node_modules/configurable-http-proxy", "node_modules/oidc-provider"} <= set(packages)
