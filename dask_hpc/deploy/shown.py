"""How a cluster looks in a notebook: lines about its blocks, as text and as rows of HTML. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable

from facility.clusters import BlockRecord


def block_lines(blocks: Iterable[BlockRecord]) -> list[str]:
    """A line for each block."""
    return [
        f"Block {block.number}, job {block.job_id or '(none yet)'}: {block.state}"
        + (f", {block.words}" if block.words else "")
        for block in blocks
    ]


def scaling_lines(bounds: tuple[float, float] | None, here: int, planned: int) -> list[str]:
    """Who says how many workers there are, and how many there are."""
    mode = f"Adaptive, {bounds[0]:g} to {bounds[1]:g} workers" if bounds else "Manual"
    return [f"Scaling mode: {mode}", f"Workers: {here if here == planned else f'{here} / {planned}'}"]


def table(lines: Iterable[str]) -> str:
    """Lines as a table of one column, in Dask's own form."""
    cells = "".join(f'<tr><td style="text-align: left;">{html.escape(line)}</td></tr>' for line in lines)
    return f"<table>{cells}</table>"


def rows(lines: Iterable[str]) -> str:
    """Lines as rows of Dask's own table of a cluster, which has two columns."""
    return "".join(f'<tr><td colspan="2" style="text-align: left;">{html.escape(line)}</td></tr>' for line in lines)


def progress(here: int, planned: int) -> str:
    """A row with a bar: how many of the workers that are wished for have come; nothing where none is wished for."""
    if not planned:
        return ""
    words = f"{here} of {planned} workers"
    bar = f'<progress value="{min(here, planned)}" max="{planned}" aria-label="{words}"></progress>'
    return f'<tr><td colspan="2" style="text-align: left;">{bar} {words}</td></tr>'
