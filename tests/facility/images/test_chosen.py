"""Which environment a name of the catalogue stands for."""

from __future__ import annotations

from facility.image_facts import ImageFact
from facility.images.chosen import environment_chosen
from facility.profile import System

TOOLS = ImageFact(name="tools", driver="module", title="Tools", activate=("module load tools",))
SYSTEM = System(title="S", images=(TOOLS,))


def test_a_listed_name_is_what_the_profile_says_of_it() -> None:
    """With the operator's lines."""
    assert environment_chosen(SYSTEM, "tools") is TOOLS


def test_a_name_of_a_catalogue_says_which_runtime_takes_it() -> None:
    """And prepares nothing on the host."""
    found = environment_chosen(SYSTEM, "shifter:docker:site/lab:1.0")

    assert ("shifter", "docker:site/lab:1.0", ()) == (found.driver, found.image, found.activate)


def test_an_image_that_the_profile_does_not_list_is_the_hosts_own() -> None:
    """Nothing says what would start it."""
    assert not environment_chosen(SYSTEM, "registry/other:1").is_container
