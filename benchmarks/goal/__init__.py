"""What the benchmarks of the facility service share: figures beside their goals, and what a process has used."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from beamside.demo.people import People, everyone


@dataclass(frozen=True)
class Goal:
    """A figure with its goal: `most` it may be, or `least` it must be."""

    what: str
    found: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure is where it should be."""
        return (self.most is None or self.found <= self.most) and (self.least is None or self.found >= self.least)

    def show(self) -> None:
        """Print it as one line."""
        bound = f"<= {self.most:g}" if self.most is not None else f">= {self.least:g}"
        met = "met" if self.is_met else "MISSED"
        print(f"{self.what:58} {self.found:9.2f} {self.unit:4}  goal {bound:8}  {met}", flush=True)


def show_machine() -> None:
    """Print what every figure depends on; other work on the machine shows as its load."""
    model = next((line.partition(": ")[2] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    load = os.getloadavg()[0]
    day = datetime.datetime.now(datetime.UTC).date()
    print(f"{day}, {os.cpu_count()} cores of {model}, Python {platform.python_version()}, load {load:.1f}", flush=True)


def processor_seconds(pid: int) -> float:
    """What a process has used so far, the kernel's time for it too (proc(5), stat fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """The memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def people() -> People:
    """Three people of this run as root, so that two runs do not meet; else the user alone."""
    run = f"b{os.getpid()}"
    return People(f"ana-{run}", f"ben-{run}", f"kim-{run}", f"team-{run}") if os.geteuid() == 0 else everyone()


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
