"""docs/reference/command.md tells of every verb, act, option and exit status, and of none that is not there."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from beamside.command import VERBS
from beamside.verbs.session import INTERRUPTED, STATUSES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "command.md").read_text(encoding="utf-8")
ELSEWHERE = {"demo", "serve"}  # described by their own --help and in facility.md


def first_column(heading: str) -> list[str]:
    """The first cells of the table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)


def parsers() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every verb, and every act of it as "verb act"."""
    for verb, (module, _) in VERBS.items():
        parser = argparse.ArgumentParser()
        if verb not in ELSEWHERE:
            importlib.import_module(module).add_arguments(parser)
        yield verb, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                yield from ((f"{verb} {name}", act) for name, act in action.choices.items())


def test_every_verb_and_act_is_told_of() -> None:
    """And no other."""
    assert sorted(name for name, _ in parsers()) == sorted(cell.strip("`") for cell in first_column("Verbs"))


def test_every_option_is_told_of() -> None:
    """Long and short."""
    known = {word for _, parser in parsers() for action in parser._actions for word in action.option_strings}

    assert known - {"-h", "--help"} == {
        word for cell in first_column("Options") for word in re.findall(r"`([^`]+)`", cell)
    }


def test_every_exit_status_is_told_of() -> None:
    """A script can rely on the number."""
    assert {0, INTERRUPTED, *(status for _, status in STATUSES)} == {
        int(cell.strip("`")) for cell in first_column("Exit status")
    }
