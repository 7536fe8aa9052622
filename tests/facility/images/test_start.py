"""How a server is started in a container image: the runtime's own words, and nothing of a person's in between."""

from __future__ import annotations

import pytest

from facility.errors import ProfileError
from facility.image_facts import ImageFact
from facility.images.start import in_container
from facility.profile import System, read_profile

SITE = """
name = "Tests"
[service]
url = "http://127.0.0.1:8400"
[systems.tests]
title = "Tests"
"""
STORAGE = '[[systems.tests.image_catalogues]]\ndriver = "charliecloud"\nstorage = "/images"\n'
HOME = "/global/homes/a/ana"


def system(runtime: str, lines: str = "") -> System:
    """A site with one runtime."""
    storage = STORAGE if runtime == "charliecloud" else ""
    return read_profile(f'{SITE}{storage}[systems.tests.containers."{runtime}"]\n{lines}').system


def image(runtime: str, name: str) -> ImageFact:
    """One container."""
    return ImageFact.model_validate({"name": f"{runtime}:{name}", "driver": runtime, "title": name, "image": name})


def test_shifter_is_called_as_its_manual_says() -> None:
    """Type and tag as its gateway lists them, then the program; homes are mounted by the site's udiRoot.conf."""
    lines = 'options = ["--module=gpu"]\nserver = ["jupyter-labhub"]'

    argv = in_container(image("shifter", "docker:site/lab:1.0"), system("shifter", lines), HOME, ["TOKEN"])

    assert ["shifter", "--image=docker:site/lab:1.0", "--module=gpu", "jupyter-labhub"] == argv


def test_podman_hpc_gets_the_names_of_variables_and_no_value() -> None:
    """What it is told comes through its environment; home and /tmp are there, and nothing is pulled for a name."""
    argv = in_container(image("podman-hpc", "site/lab:1.0"), system("podman-hpc"), HOME, ["TOKEN", "PATH"])
    before, after = argv[: argv.index("site/lab:1.0")], argv[argv.index("site/lab:1.0") + 1 :]

    assert ["podman-hpc", "run", "--rm", "--pull=never", "--network=host", "--userns=keep-id"] == before[:6]
    assert {f"--volume={HOME}:{HOME}", "--volume=/tmp:/tmp", f"--workdir={HOME}", "--env=TOKEN"} < set(before)
    assert "--env=PATH" not in before
    assert ["jupyterhub-singleuser"] == after


def test_charliecloud_takes_the_images_variables_and_hides_the_nodes() -> None:
    """The order counts (ch-run(1)): the node's are taken away before the image's are set."""
    argv = in_container(image("charliecloud", "beam/lab:1.0"), system("charliecloud"), "/home/ana", [])

    assert ["ch-run", "--storage=/images", "--home", "--cd=/home/ana"] == argv[:4]
    assert argv.index("--unset-env=LD_*") < argv.index("--set-env")
    assert ["beam/lab:1.0", "--", "jupyterhub-singleuser"] == argv[-3:]


@pytest.mark.parametrize("runtime", ["shifter", "podman-hpc", "charliecloud"])
def test_the_operator_may_put_something_in_a_runtimes_place(runtime: str) -> None:
    """By an argv of its own, and an image may have a server of its own."""
    own = ImageFact.model_validate(image(runtime, "lab:1").model_dump() | {"command": ("own-server", "--x")})

    argv = in_container(own, system(runtime, 'program = ["env", "A=1", "it"]'), HOME, [])

    assert (["env", "A=1", "it"], ["own-server", "--x"]) == (argv[:3], argv[-2:])


def test_a_runtime_that_went_is_named() -> None:
    """An image may outlive what starts it."""
    with pytest.raises(ProfileError, match="lab:1 cannot start: shifter is not set up on Tests"):
        in_container(image("shifter", "lab:1"), system("podman-hpc"), HOME, [])


@pytest.mark.parametrize("name", ["", "--privileged", "lab 1", "lab\n1", "-v/:/host"])
def test_a_name_that_would_be_an_option_is_refused(name: str) -> None:
    """Before it reaches any argument."""
    with pytest.raises(ValueError, match="names a container"):
        image("podman-hpc", name)


def test_charliecloud_without_a_storage_stops_the_start() -> None:
    """Nobody could tell where its images lie."""
    with pytest.raises(ProfileError, match="where its images lie"):
        read_profile(f"{SITE}[systems.tests.containers.charliecloud]\n")
