"""Whole sets of choices as cards, the site's own and those made before: start them, fill the form, or why not. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from facility.errors import OptionError
from facility.profile import Starter
from spawners.form.answer import FIELDS
from spawners.presets import LAST, Preset


class Reader(Protocol):
    """Judges choices. Raises OptionError where they cannot be granted."""

    def read(self, user_options: Mapping[str, object]) -> object: ...


@dataclass(frozen=True)
class AgainCard:
    """One set of choices."""

    name: str  # of the preset; LAST for what was started last
    title: str
    facts: tuple[str, ...]
    query: str  # fills the form with these choices; a link with it can be given to others
    why_not: str = ""  # why it cannot be started now, with its field; empty where it can
    description: str = ""  # the site's words

    @property
    def is_last(self) -> bool:
        """Whether this is what was started last, which is not saved under a name."""
        return self.name == LAST


def again_cards(presets: Iterable[Preset], judge: Reader) -> list[AgainCard]:
    """One card a preset, each held against what the facility offers now."""
    return [
        _card(preset.name, preset.name if preset.name != LAST else "As last time", preset.choices, judge)
        for preset in presets
    ]


def starter_cards(starters: Iterable[Starter], system: str, judge: Reader) -> list[AgainCard]:
    """One card a server that the site offers ready made; `system` is named where a hub has several."""
    return [_card(one.name, one.title, starter_choices(one, system), judge, one.description) for one in starters]


def starter_choices(starter: Starter, system: str) -> dict[str, str]:
    """What it asks for, as a person would write it into the form."""
    named = {"system": system, **starter.choices.model_dump()}
    return {field: str(value) for field, value in named.items() if value not in ("", None)}


def _card(name: str, title: str, choices: Mapping[str, str], judge: Reader, description: str = "") -> AgainCard:
    texts = {field: text for field, text in choices.items() if field in FIELDS}
    why_not = ""
    try:
        judge.read(choices)
    except OptionError as error:
        why_not = f"{error.field}: {error.reason}"
    return AgainCard(name, title, tuple(facts(texts)), urlencode(texts), why_not, description)


_WORDS = {
    "system": "on {}",
    "nodes": "{} node{s}",
    "cpus_per_node": "{} CPU{s} a node",
    "memory_gb": "{} GB a node",
    "gpus_per_node": "{} GPU{s} a node",
    "walltime": "{} h",
    "image": "in {}",
    "mail": "e-mail at its {}",
}


def facts(texts: Mapping[str, str]) -> Iterable[str]:
    """The choices in a few words each; what stands for an ordinary default is left out."""
    ordinary = {("nodes", "1"), ("gpus_per_node", "0"), ("image", "none")}
    told = [_WORDS.get(field, "{}").format(texts[field], s="" if texts[field] == "1" else "s") for field in FIELDS
            if field in texts and (field, texts[field]) not in ordinary]  # fmt: skip
    return told or ["everything by default"]
