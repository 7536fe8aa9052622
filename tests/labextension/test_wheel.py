"""The wheel: a build that was told to skip the JavaScript looks whole and is not."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

import pytest

PLACE = "share/jupyter/labextensions/@beamside/lab/"


def installed() -> list[str]:
    """Every file that the installed distribution put somewhere."""
    try:
        return [str(file) for file in distribution("beamside").files or ()]
    except PackageNotFoundError:
        pytest.skip("beamside is not installed here, so there is no wheel to look at")


@pytest.mark.parametrize(
    "name",
    [
        f"{PLACE}package.json",
        f"{PLACE}install.json",
        f"{PLACE}schemas/@beamside/lab/jobs.json",
        f"{PLACE}static/remoteEntry",
        f"{PLACE}static/style.js",
        "etc/jupyter/jupyter_server_config.d/beamside.json",
        "server_ext/events/job-delta.v1.yaml",
        "spawners/form/static/form.js",
        "spawners/form/templates/form.css",
    ],
)
def test_the_installed_wheel_holds_what_is_built_and_what_stands_beside_it(name: str) -> None:
    """Both scripts, the Lab extension's settings, and the file that switches its server half on."""
    assert any(name in file for file in installed())
