"""Choices kept under a name: a person's own, bounded, the same for all servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from facility.errors import OptionError
from spawners.intents import IntentStore
from spawners.presets import LAST, MOST, Presets


@pytest.fixture
def presets(tmp_path: Path) -> Iterator[Presets]:
    """The presets of a new store."""
    store = IntentStore(tmp_path / "intents.sqlite")
    yield store.presets
    store.close()


def test_the_last_choice_stands_first_and_presets_by_name(presets: Presets) -> None:
    """One last choice a person, whatever server it was for."""
    presets.save("ana", "night", {"qos": "realtime"})
    presets.save("ana", "day", {})
    presets.keep_last("ana", {"nodes": "2"})
    presets.keep_last("ana", {"nodes": "3"})

    assert [LAST, "day", "night"] == [preset.name for preset in presets.of("ana")]
    assert {"nodes": "3"} == presets.of("ana")[0].choices


def test_presets_outlive_the_hub_and_are_nobody_elses(tmp_path: Path) -> None:
    """They lie in the store of intents, by person."""
    store = IntentStore(tmp_path / "intents.sqlite")
    store.presets.save("ana", "night", {"qos": "realtime"})
    store.close()
    store = IntentStore(tmp_path / "intents.sqlite")

    assert {"qos": "realtime"} == store.presets.of("ana")[0].choices
    assert [] == store.presets.of("ben")
    assert None is store.presets.one("ben", "night")
    store.close()


def test_the_same_name_replaces_and_forgetting_deletes(presets: Presets) -> None:
    """A name stands for one set of choices."""
    presets.save("ana", "night", {"nodes": "1"})
    presets.save("ana", "  night ", {"nodes": "2"})

    assert ["2"] == [preset.choices["nodes"] for preset in presets.of("ana")]
    presets.forget("ana", "night")
    presets.forget("ana", "night")
    assert [] == presets.of("ana")


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\x1b[31m", "a\u202eb"])
def test_what_is_no_name_is_refused(name: str, presets: Presets) -> None:
    """Names are shown to people, so they are short and printable."""
    with pytest.raises(OptionError, match="give the choices a name"):
        presets.save("ana", name, {})


def test_there_is_room_for_so_many(presets: Presets) -> None:
    """A store that anybody may write to has an end; replacing and the last choice are always possible."""
    for number in range(MOST):
        presets.save("ana", f"preset {number}", {})

    with pytest.raises(OptionError, match="delete one first"):
        presets.save("ana", "one more", {})
    assert "preset 3" == presets.save("ana", "preset 3", {"nodes": "2"})
    presets.keep_last("ana", {})
    assert MOST + 1 == len(presets.of("ana"))
