"""What the verbs print."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from beamside.verbs.estimating import sentence
from beamside.verbs.show import plain, print_json, print_table, span
from facility.models import Estimate, Identity


def test_names_cannot_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escapes, line breaks and bidirectional marks are shown as what they are not; markup is text."""
    print_table(("name",), [["\x1b]0;x\x07[red]a\nb\u202ec"]], nothing="")

    said = capsys.readouterr().out
    assert "[red]a" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)
    assert 2 == said.count("\n")


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """In words, without headings."""
    print_table(("job",), [], nothing="You have no jobs.")

    assert "You have no jobs.\n" == capsys.readouterr().out


def test_json_is_what_the_service_tells(capsys: pytest.CaptureFixture[str]) -> None:
    """Field names and all, in ASCII."""
    print_json(Identity("ana", 1000, full_name="Ana \u202e"))

    said = capsys.readouterr().out
    assert ("ana", True) == (json.loads(said)["user"], said.isascii())


@pytest.mark.parametrize(
    ("seconds", "words"), [(40, "40 s"), (720, "12 min"), (16200, "4 h 30 min"), (187260, "2 d 4 h"), (0, "0 s")]
)
def test_spans_are_told_in_two_units(seconds: int, words: str) -> None:
    """The larger first."""
    assert words == span(timedelta(seconds=seconds))


def test_a_long_table_is_not_cut_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Every name is there in full, folded where it must be."""
    name = "x" * 300
    print_table(("name", "when"), [[name, datetime(2026, 1, 1, tzinfo=UTC)]], nothing="")

    assert 300 == capsys.readouterr().out.count("x")


def test_plain_leaves_other_scripts_alone() -> None:
    """Names are people's."""
    assert "Ångström 東京" == plain("Ångström 東京")


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Estimate(NOW, NOW + timedelta(seconds=9), "nid005"), "It would start at once on nid005."),
        (Estimate(NOW, NOW - timedelta(hours=1)), "It would start at once."),
        (Estimate(NOW, NOW + timedelta(minutes=30), "nid[007-008]"), ", in 30 min on nid[007-008]."),
        (
            Estimate(NOW, why_not="QOS debug allows 4 nodes at most"),
            "No start can be told: QOS debug allows 4 nodes at",
        ),
        (
            Estimate(NOW - timedelta(minutes=2), NOW, problem="many ask"),
            "It would start at once. That was said 2 min ago: many ask.",
        ),
    ],
)
def test_an_estimate_is_a_sentence(found: Estimate, words: str) -> None:
    """When, where or why not, and how old that is."""
    assert words in sentence(found, NOW)
