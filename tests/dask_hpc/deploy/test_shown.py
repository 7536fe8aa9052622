"""How a cluster looks in a notebook."""

from __future__ import annotations

from dask_hpc.deploy.heard import Heard, waits_for
from dask_hpc.deploy.shown import block_lines, progress, rows, scaling_lines, table
from facility.clusters import BlockRecord

RUNNING = BlockRecord(0, "41", "running", "2 of 2 ranks are here")
WAITING = BlockRecord(1, "", "submitting")
FACTS = {"blocks": [vars(RUNNING)], "plan": ["0-0"], "requested": ["0-0"], "wished": 1, "refused": "", "adaptive": None}


def test_each_block_has_a_line() -> None:
    """Its number, its job, its state, and what is said of that."""
    assert block_lines([RUNNING, WAITING]) == [
        "Block 0, job 41: running, 2 of 2 ranks are here",
        "Block 1, job (none yet): submitting",
    ]


def test_words_of_the_scheduler_are_no_html() -> None:
    """Slurm's words and names of jobs are shown as they are."""
    words = ["<script>alert(1)</script>"]

    assert "<script>" not in rows(words) + table(words)


def test_a_bar_shows_how_many_have_come() -> None:
    """With the same in words, for who does not see it; nothing where nothing is awaited."""
    assert '<progress value="3" max="8" aria-label="3 of 8 workers">' in progress(3, 8)
    assert progress(0, 0) == ""


def test_who_scales_is_told() -> None:
    """A person, or the load between its bounds."""
    assert scaling_lines(None, 2, 2) == ["Scaling mode: Manual", "Workers: 2"]
    assert scaling_lines((0, float("inf")), 2, 4) == ["Scaling mode: Adaptive, 0 to inf workers", "Workers: 2 / 4"]


def test_a_line_is_told_once_and_an_old_table_is_not_taken() -> None:
    """Answers and news may overtake each other."""
    heard = Heard()
    told = heard.before({**FACTS, "version": 1, "lines": [(1, "old")]})
    first = heard.news({**FACTS, "version": 3, "lines": [(1, "old"), (2, "new")]})
    late = heard.news({**FACTS, "version": 2, "wished": 7, "lines": [(2, "new")]})

    assert (told, first, late, heard.wished) == (["old"], ["new"], [], 1)


def test_what_is_missing_is_said_with_its_reason() -> None:
    """A refusal first, then what comes."""
    assert waits_for("no nodes", (RUNNING, WAITING)) == "no nodes; block 1 is submitting"
