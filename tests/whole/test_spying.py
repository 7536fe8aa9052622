"""A colleague with an account on the same machine learns nothing of ana's work, whatever he asks while it runs."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.whole.conftest import Served

REFUSALS = re.compile(r"HTTP/1\.[01] (30[1-9]|4\d\d|503) ")
"""What a server may answer to a stranger: go and sign in, no, or not now. Nothing of these is ana's."""

GREETING = re.compile(rb"\xff.{8}\x7f", re.DOTALL)
"""The first bytes of ZeroMQ's protocol (ZMTP 3.1, section 3.2), the same for everybody. A kernel has one socket that
only receives, for output of its child processes, and takes no message without a random key."""

pytestmark = pytest.mark.timeout(900)


def said(got: str) -> bytes:
    """What came over a port beyond the bare greeting of a protocol."""
    raw = base64.b64decode(got)
    return b"" if GREETING.fullmatch(raw) else raw


@pytest.fixture(scope="module")
def spied(served: Served) -> dict[str, Any]:
    """What ben got while ana's server and cluster ran, and what of hers he must not have."""
    return served.spied


@pytest.mark.needs_root
@pytest.mark.browser
class TestWhatBenGets:
    """One tour of ana's, one scan of ben's, many questions."""

    def test_ana_listens_somewhere(self, spied: dict[str, Any]) -> None:
        """The scan saw her server, her scheduler and her ranks, so silence means something."""
        assert len(spied["hers"]) >= 6

    def test_none_of_her_ports_speaks_first(self, spied: dict[str, Any]) -> None:
        """A listener says nothing to somebody who only connects."""
        assert {} == {port: got for port in spied["hers"] if (got := said(spied["silent"][str(port)]))}

    def test_tls_without_her_certificate_carries_no_byte(self, spied: dict[str, Any]) -> None:
        """Scheduler and workers end the connection before any application data."""
        assert {} == {port: got for port in spied["hers"] if (got := spied["tls"][str(port)])}

    def test_plain_requests_are_refused_or_sent_to_sign_in(self, spied: dict[str, Any]) -> None:
        """Her notebook server shows a stranger no page of hers."""
        answers = {port: spied["http"][str(port)] for port in spied["hers"]}
        pages = {(port, path): page for port, own in answers.items() for path, page in own.items() if page}

        pages = {at: page for at, page in pages.items() if not GREETING.fullmatch(page.encode("latin-1"))}
        assert {} == {at: page[:300] for at, page in pages.items() if not REFUSALS.match(page)}

    def test_nothing_is_published_to_everybody(self, spied: dict[str, Any]) -> None:
        """Her kernels' output is not to be had by subscribing."""
        assert {} == {port: count for port, count in spied["published"].items() if int(port) in spied["hers"]}

    def test_no_secret_is_readable_anywhere(self, spied: dict[str, Any]) -> None:
        """No password, token or key stands in a file, a command line, an environment, an answer or a Slurm record."""
        pages = {f"port {port} {at}": page for port, own in spied["http"].items() for at, page in own.items()}
        texts = spied["files"] | spied["slurm"] | pages

        assert len(spied["secrets"]) >= 10
        assert [] == [where for where, text in texts.items() if any(secret in text for secret in spied["secrets"])]

    def test_no_file_of_hers_and_no_job_script_is_readable(self, spied: dict[str, Any]) -> None:
        """Homes, scratch and Slurm's copies of scripts are closed; a command line in /proc is all he sees."""
        files = [path for path in spied["files"] if not path.startswith("/proc/")]

        closed = ("slurm_script", "/scratch/", "/home/")
        assert [] == [path for path in files if any(part in path for part in closed)]
        assert not any("#!/bin/bash" in said for asked, said in spied["slurm"].items() if "script" in asked)
