"""A notebook server inside a container image: the real ch-run, the real JupyterLab, chosen like every environment."""

from __future__ import annotations

import json
import pwd
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until
from tests.charliecloud import ch_image, ch_run, lay_out_mounts, make_image, shared_with_the_node
from tests.hub_ext.conftest import identity

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

IMAGE = "charliecloud:beam/lab:1.0"
LINES = """
[[systems.sidecar.image_catalogues]]
driver = "charliecloud"
storage = {storage}
command = {ch_image}
[systems.sidecar.containers.charliecloud]
program = {ch_run}
options = {options}
"""
SERVER = f"""\
#!/bin/sh
exec {sys.executable} -m jupyterhub.singleuser "$@"
"""


def lay_out_image(tree: Path, mounts: list[Path]) -> None:
    """An image with a server and a kernel of its own."""
    lay_out_mounts(tree, mounts)
    server, kernel = tree / "lab" / "bin" / "jupyterhub-singleuser", tree / "lab" / "jupyter" / "kernels" / "inside"
    for folder in (server.parent, kernel):
        folder.mkdir(parents=True)
    server.write_text(SERVER, encoding="utf-8")
    server.chmod(0o755)
    spec = {"argv": ["python3"], "display_name": "Inside the image", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


@pytest.fixture(scope="module")
def with_images(running_hub: HubAtWork) -> Iterator[HubAtWork]:
    """The hub of a site that has Charliecloud and one image."""
    hub, run = running_hub, ch_run()
    hub.tidy()  # a test before may have ended what is restarted here
    mounts = shared_with_the_node(Path(pwd.getpwnam(hub.user).pw_dir))
    place = hub.place / "images"
    place.mkdir()
    if who := identity(hub.user):
        shutil.chown(place, hub.user)
    lay_out_image(place / "tree", mounts)
    variables = {"PATH": "/lab/bin:/usr/bin:/bin", "JUPYTER_PATH": "/lab/jupyter"}
    make_image(place / "tree", place / "storage", "beam/lab:1.0", variables, **who)
    facts = {"storage": str(place / "storage"), "ch_image": list(ch_image()), "ch_run": list(run),
             "options": [f"--bind={path}" for path in mounts]}  # fmt: skip
    profile = hub.place / "facility.toml"
    before = profile.read_text(encoding="utf-8")
    profile.write_text(before + LINES.format(**{k: json.dumps(v) for k, v in facts.items()}), encoding="utf-8")
    restart(hub)
    yield hub
    hub.tidy()
    profile.write_text(before, encoding="utf-8")
    restart(hub)


def restart(hub: HubAtWork) -> None:
    """What reads the profile reads it anew."""
    for name in ("facility", "hub"):
        hub.kill(name)
        hub.start(name)
    hub.wait_up()


@pytest.fixture
def server(with_images: HubAtWork) -> Iterator[httpx.Client]:
    """Ana's server in the image, as her own token reaches it."""
    hub = with_images
    hub.tidy()
    hub.begin({"image": IMAGE})
    wait_until(lambda: bool(hub.server().get("ready")), seconds=180, otherwise=lambda: hub.log("hub"))
    wanted = {"note": "a test", "scopes": [f"access:servers!server={hub.user}/"]}
    token = hub.api("POST", f"/users/{hub.user}/tokens", wanted).json()["token"]
    where = f"http://127.0.0.1:{hub.ports.proxy}/user/{hub.user}/api/"
    with httpx.Client(base_url=where, headers={"Authorization": f"token {token}"}, trust_env=False, timeout=60) as made:
        yield made
    hub.tidy()


def test_a_server_runs_inside_the_image_that_was_chosen(with_images: HubAtWork, server: httpx.Client) -> None:
    """Programs, files and variables are the image's; the home directory is the person's own, on the node."""
    kernels = server.get("kernelspecs").json()["kernelspecs"]
    name = f"of-a-container-{secrets.token_hex(4)}.txt"
    server.put(f"contents/{name}", json={"type": "file", "format": "text", "content": "x"}).raise_for_status()
    written = Path(pwd.getpwnam(with_images.user).pw_dir) / name
    found = written.read_text(encoding="utf-8")
    written.unlink()

    assert "Inside the image" == kernels["inside"]["spec"]["display_name"]
    assert "x" == found


def test_the_form_offers_the_image_and_says_what_starts_it(with_images: HubAtWork, browser: httpx.Client) -> None:
    """As a card like those of other environments."""
    card = browser.get("/hub/spawn").text.partition(f'value="{IMAGE}"')[2][:600]

    assert "beam/lab:1.0" in card
    assert "Charliecloud" in card
