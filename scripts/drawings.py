"""Draw the pictures of docs/mpi_and_dask.md as SVG, legible on light and on dark pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"

STYLE = """
svg { --page: #ffffff; --ink: #1f2933; --soft: #52606d; --line: #9aa5b1;
      --block: #eef2f6; --rank: #cfe3f7; --task: #2f74b5; --gang: #c2571a; --end: #b3261e; --on: #ffffff; }
@media (prefers-color-scheme: dark) {
  svg { --page: #16191d; --ink: #e6eaee; --soft: #aab4be; --line: #5f6b77;
        --block: #21262c; --rank: #24415f; --task: #5fa3e6; --gang: #f0914e; --end: #ff8a80; --on: #10151a; }
}
text { font-family: system-ui, "DejaVu Sans", sans-serif; font-size: 14px; fill: var(--ink); }
.small { font-size: 12px; fill: var(--soft); }
.bold { font-weight: 600; }
.on { fill: var(--on); font-size: 12px; }
.end { fill: var(--end); font-size: 12px; }
""".strip()


class Drawing:
    """An SVG that grows."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-label="{escape(title)}">\n<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n'
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="var(--soft)"/></marker></defs>\n'
        )
        self._parts: list[str] = []
        self.box(0, 0, width, height, "page", corner=0)

    def box(self, x: float, y: float, width: float, height: float, fill: str, *, corner: float = 6) -> None:
        """A filled rectangle; `fill` is one of the colours of STYLE."""
        edge = ' stroke="var(--line)"' if fill in ("block", "rank") else ""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{corner:g}" '
            f'fill="var(--{fill})"{edge}/>'
        )

    def text(self, x: float, y: float, words: str, kind: str = "", *, anchor: str = "start") -> None:
        """A line of text; `kind` is one of the classes of STYLE."""
        self._parts.append(f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, *, ends: str = "", dashed: bool = False) -> None:
        """A straight line; `ends`: "" none, ">" a tip at its end, "<>" at both."""
        tips = "".join(f' marker-{where}="url(#tip)"' for where, tip in (("start", "<"), ("end", ">")) if tip in ends)
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        where = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
        self._parts.append(f'<line {where} stroke="var(--soft)" stroke-width="1.5"{dash}{tips}/>')

    def svg(self) -> str:
        """The whole text."""
        return self._head + "\n".join(self._parts) + "\n</svg>\n"


def blocks() -> Drawing:
    """What a cluster is made of, and who is joined to it."""
    drawing = Drawing(860, 400, "Two notebooks joined to one cluster of two blocks, each a batch job with four ranks")
    for y, words in ((70, "notebook A"), (150, "notebook B"), (230, "terminal")):
        drawing.box(20, y, 130, 48, "block")
        drawing.text(85, y + 29, words, "bold", anchor="middle")
    drawing.text(20, 310, "any of them may end,", "small")
    drawing.text(20, 328, "the cluster stays", "small")
    drawing.text(268, 30, 'the cluster "tonight"', "bold")
    for number, x in enumerate((260, 560)):
        drawing.box(x, 46, 280, 330, "block", corner=10)
        drawing.text(x + 14, 70, f"block {number}", "bold")
        drawing.text(x + 266, 70, "one batch job", "small", anchor="end")
        if number == 0:
            drawing.box(x + 14, 86, 252, 44, "task")
            drawing.text(x + 140, 113, "scheduler: hands out the tasks", "on", anchor="middle")
        else:
            drawing.text(x + 140, 113, "more blocks come and go", "small", anchor="middle")
        for node in range(2):
            _node(drawing, x + 14 + node * 130, 150, node, 2 * number + node + 1)
        drawing.line(x + 40, 340, x + 240, 340, ends="<>")
        drawing.text(x + 140, 362, "one world: these four ranks can use MPI", "small", anchor="middle")
    for y in (94, 174, 254):
        drawing.line(150, y, 272, 108, ends="<>")
    drawing.line(526, 108, 572, 108, ends="<>", dashed=True)
    return drawing


def _node(drawing: Drawing, x: float, y: float, node: int, number: int) -> None:
    drawing.text(x + 61, y + 12, f"node {number}", "small", anchor="middle")
    for each in range(2):
        top = y + 22 + each * 72
        drawing.box(x, top, 122, 62, "rank")
        drawing.text(x + 61, top + 27, f"rank {2 * node + each}", "bold", anchor="middle")
        drawing.text(x + 61, top + 46, "a Dask worker", "small", anchor="middle")


def map_and_gang() -> Drawing:
    """What four ranks do, from left to right: tasks, a gang, tasks."""
    drawing = Drawing(860, 300, "Four ranks over time: each does tasks, then all do one gang, then tasks again")
    rows = (70, 116, 162, 208)
    for rank, y in enumerate(rows):
        drawing.text(20, y + 21, f"rank {rank}")
        drawing.line(80, y + 16, 840, y + 16, dashed=True)
    tasks = (
        ((84, 70), (158, 50), (212, 84)), ((84, 110), (198, 66)),
        ((84, 52), (140, 96), (240, 70)), ((84, 90), (178, 58)),
    )  # fmt: skip
    for y, bars in zip(rows, tasks, strict=True):
        for x, width in bars:
            drawing.box(x, y, width, 32, "task")
    drawing.text(84, 46, "client.map: each task by itself,", "bold")
    drawing.text(84, 62, "on whichever rank is free", "small")
    for y in rows:
        drawing.box(350, y, 236, 32, "gang")
    for x in (410, 468, 526):
        drawing.line(x, rows[0] + 26, x, rows[-1] + 6, ends="<>")
    drawing.text(350, 46, "cluster.run_mpi: one function on all,", "bold")
    drawing.text(350, 62, "begun together, ended together, talking by MPI", "small")
    for y, width in zip(rows, (96, 120, 74, 140), strict=True):
        drawing.box(604, y, width, 32, "task")
    drawing.text(660, 46, "tasks take the results", "bold")
    drawing.line(80, 262, 840, 262, ends=">")
    drawing.text(840, 284, "time", "small", anchor="end")
    return drawing


def ends() -> Drawing:
    """How a block leaves before its time is over, and what the end of the first one means."""
    drawing = Drawing(860, 270, "A block leaves two minutes before its time ends; the end of block 0 is the cluster's")
    drawing.text(20, 92, "block 0")
    drawing.text(20, 142, "block 1")
    drawing.text(20, 192, "block 2")
    drawing.box(90, 70, 690, 34, "rank")
    drawing.text(104, 92, "scheduler and ranks")
    drawing.box(90, 120, 340, 34, "rank")
    drawing.text(104, 142, "tasks and gangs")
    drawing.box(430, 120, 76, 34, "task")
    drawing.text(468, 142, "leaves", "on", anchor="middle")
    drawing.box(470, 170, 310, 34, "rank")
    drawing.text(484, 192, "submitted in its place")
    drawing.line(468, 154, 468, 184, ends=">")
    for x, words, more in ((430, "two minutes or more", "before its end"), (506, "its walltime", "is over")):
        drawing.line(x, 60, x, 160, dashed=True)
        drawing.text(x + (-6 if x == 430 else 6), 34, words, "small", anchor="end" if x == 430 else "start")
        drawing.text(x + (-6 if x == 430 else 6), 50, more, "small", anchor="end" if x == 430 else "start")
    drawing.line(780, 56, 780, 210)
    drawing.text(840, 34, "block 0 ends:", "end", anchor="end")
    drawing.text(840, 50, "the cluster has ended", "end", anchor="end")
    drawing.line(90, 232, 840, 232, ends=">")
    drawing.text(840, 254, "time", "small", anchor="end")
    drawing.text(90, 254, "results of block 1 move to the others before it goes: nothing is computed twice", "small")
    return drawing


DRAWINGS: dict[str, Callable[[], Drawing]] = {"blocks": blocks, "map-and-gang": map_and_gang, "ends": ends}

if __name__ == "__main__":
    for name, draw in DRAWINGS.items():
        (PICTURES / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")
