"""What the verbs' tests share: the facility at work over the real Slurm, and the command as a person runs it."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from beamside.command import main
from facility.profile import Profile
from tests.facility.at_work import AtWork, at_work
from tests.facility.conftest import RealSite, real_site

__all__ = ["real_site"]


@dataclass(frozen=True)
class Said:
    """What the command printed, and how it ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Desk:
    """The command line of ana, who has a key."""

    site: RealSite
    service: AtWork
    monkeypatch: pytest.MonkeyPatch

    async def run(self, *words: str, user: str = "") -> Said:
        """`beamside WORDS`, in a thread of its own: a process each would take longer than all they do."""
        self.monkeypatch.setenv("BEAMSIDE_KEY", str(self.service.key_file(user or self.site.ana)))
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with redirect_stdout(out), redirect_stderr(err):
            async with asyncio.timeout(60):
                status = await asyncio.to_thread(main, words)
        return Said(status, *(file.buffer.getvalue().decode() for file in (out, err)))


@pytest.fixture
def profile(real_site: RealSite) -> Profile:
    """What the facility at work is told of its site."""
    return real_site.profile


@pytest.fixture
async def desk(
    real_site: RealSite, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    """ana at the command line of a facility that works."""
    async with at_work(profile, tmp_path) as service:
        yield Desk(real_site, service, monkeypatch)
