"""One fault put to one hub: bounded in time, whatever happens; and what was seen, kept for a run that goes on."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from hubs.fault_list import Fault
from tests.hub_ext.conftest import HubAtWork


class TooLong(BaseException):
    """A case has used its time up; no `except Exception` on the way keeps it."""


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raise TooLong in what takes longer, wherever it waits."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TooLong(f"not over after {seconds} s")

    former = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


class Contender:
    """A kind of hub; one of it is up from its first case on, and a new one after a case that failed.

    Parameters
    ----------
    name : as it stands in the table.
    bring_up : makes a hub that is gone at the end.
    """

    def __init__(self, name: str, bring_up: Callable[[], AbstractContextManager[HubAtWork]]) -> None:
        self.name = name
        self.trouble = ""
        self._bring_up = bring_up
        self._end = ExitStack()
        self._hub: HubAtWork | None = None

    def __enter__(self) -> Contender:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._take_down()

    def observe(self, fault: Fault, seconds: int) -> str:
        """What was seen; empty where that did not come so far, and `trouble` says why."""
        self.trouble = ""
        try:
            with within(seconds):
                return fault.act(self._ready())
        except (Exception, TooLong) as error:  # noqa: BLE001 - one hub's trouble must not hide what the other does
            self.trouble = f"unobserved: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            self._take_down()
            return ""

    def _ready(self) -> HubAtWork:
        """A hub with no server, no job and no fault."""
        if self._hub is None:
            self._hub = self._end.enter_context(self._bring_up())
        self._hub.tidy()
        return self._hub

    def _take_down(self) -> None:
        """End the hub with its jobs and its faults."""
        hub, self._hub = self._hub, None
        try:
            with within(60):
                if hub is not None:
                    hub.slurm.up()
                    for job, _ in hub.jobs():
                        hub.slurm.run("scancel", job)
        except (Exception, TooLong) as error:  # noqa: BLE001 - the next case has a hub of its own either way
            print(f"{self.name}: its jobs could not be ended: {error}", flush=True)
        finally:
            self._end.close()


class Record:
    """What was seen so far, a line of JSON a case; without a file only for this run."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        self._seen = {(line["fault"], line["hub"]): line["seen"] for line in map(json.loads, lines)}

    def of(self, fault: Fault, hub: Contender) -> str:
        """What was seen; empty where nothing was yet."""
        return str(self._seen.get((fault.key, hub.name), ""))

    def keep(self, fault: Fault, hub: Contender, seen: str) -> None:
        """Write down what was seen, at once; of nothing, nothing."""
        if not seen:
            return
        self._seen[fault.key, hub.name] = seen
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"fault": fault.key, "hub": hub.name, "seen": seen}, ensure_ascii=False) + "\n")
