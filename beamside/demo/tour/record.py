"""What the tour did: steps with times, facts and pictures, one line each on the screen and all of them in tour.json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from beamside.demo.errors import DemoError

Fact = str | int | float | bool | list[str] | None


class TourStopped(DemoError):
    """A step did not hold; the message says what was expected and what was there."""


def check(holds: object, words: str) -> None:
    """Go on only when a step's claim holds. Raises TourStopped with `words`."""
    if not holds:
        raise TourStopped(words)


@dataclass
class Step:
    """One step of the tour."""

    name: str
    seconds: float = 0.0
    held: bool = False
    problem: str = ""
    pictures: list[str] = field(default_factory=list)
    facts: dict[str, Fact] = field(default_factory=dict)


class Recorder:
    """Runs steps, and keeps tour.json up to date after each, so that an interrupted tour tells how far it came."""

    def __init__(self, output: Path, about: dict[str, Fact]) -> None:
        output.mkdir(parents=True, exist_ok=True)
        self.output = output
        self._about = about
        self._started = datetime.now(UTC)
        self._began = time.monotonic()
        self._steps: list[Step] = []

    @contextmanager
    def step(self, name: str, on_failure: Callable[[Step], None]) -> Iterator[Step]:
        """Time one step and say how it ended; `on_failure` may add a picture of what was there."""
        step = Step(name)
        self._steps.append(step)
        began = time.monotonic()
        try:
            yield step
            step.held = True
        except Exception as error:
            step.problem = str(error).strip().partition("\n")[0]
            on_failure(step)
            raise
        finally:
            step.seconds = round(time.monotonic() - began, 2)
            self._tell(step)
            self.save()

    @property
    def is_synthetic(self) -> bool:
        """Whether the tour's scan was generated."""
        return bool(self._about["synthetic"])

    @property
    def all_held(self) -> bool:
        """Whether there were steps and every one held."""
        return bool(self._steps) and all(step.held for step in self._steps)

    def save(self) -> None:
        """Write tour.json."""
        told = {
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - self._began, 2),
            "all_held": self.all_held,
            **self._about,
            "steps": [asdict(step) for step in self._steps],
        }
        (self.output / "tour.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")

    def _tell(self, step: Step) -> None:
        words = "" if step.held else f": {step.problem}"
        print(f"{step.seconds:6.1f} s  {'held  ' if step.held else 'FAILED'}  {step.name}{words}", flush=True)
