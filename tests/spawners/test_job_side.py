"""The job's half: it asks until a hub answers, takes no for an answer, and starts the server with what it was given."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from facility import places
from spawners import job_side

ANSWER = {"environment": {"JUPYTERHUB_API_TOKEN": "t0ken", "HOME": "/elsewhere"}, "command": ["serve-lab", "--flag"]}


@dataclass
class Hub:
    """A hub that gives prepared answers, the last one again and again, and keeps what it was told."""

    answers: list[tuple[int, object]] = field(default_factory=lambda: [(200, ANSWER)])
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    api: str = ""
    cut: int = 0  # how many of its answers break off in the middle


@pytest.fixture
def hub() -> Iterator[Hub]:
    """That hub, listening."""
    known = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known.told.append((self.path, json.loads(body)))
            status, answer = known.answers.pop(0) if len(known.answers) > 1 else known.answers[0]
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            known.cut, is_cut = known.cut - 1, known.cut > 0
            self.wfile.write(raw[:-5] if is_cut else raw)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    known.api = f"http://127.0.0.1:{server.server_port}/hub/api"
    yield known
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Started:
    """What the job side became."""

    argv: list[str]
    environment: dict[str, str]


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a claim's secret, inside a job's environment; starting the server ends the test's call."""
    secret = places.claim_path(tmp_path, "n0nce")
    secret.parent.mkdir(parents=True)
    secret.write_text("s3cret\n", encoding="ascii")
    me = pwd.struct_passwd(("ana", "x", os.getuid(), os.getgid(), "", str(tmp_path), "/bin/zsh"))
    monkeypatch.setattr(job_side.pwd, "getpwuid", lambda _: me)
    for name, value in {"SLURM_JOB_ID": "4711", "SLURM_RESTART_COUNT": "2", "SLURM_TIME_FORMAT": "%s"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(job_side.time, "sleep", lambda _: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, act: str, api: str, *more: str) -> Started | None:
    """Run the job side as the batch script does."""
    found: list[Started] = []

    def become(program: str, argv: list[str], environment: dict[str, str]) -> None:
        found.append(Started(argv, environment))
        raise SystemExit(0)

    monkeypatch.setattr(job_side.os, "execvpe", become)
    monkeypatch.setattr(job_side.sys, "argv", ["job_side.py", act, "n0nce", api, *more])
    try:
        job_side.main()
    except SystemExit as end:
        if end.code != 0:
            raise
    return found[0] if found else None


def test_the_server_starts_with_what_the_claim_gave(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment and command come from the hub; login facts are there, sbatch's own setting is not."""
    started = run(monkeypatch, "serve", hub.api)

    assert started is not None
    assert ANSWER["command"] == started.argv
    assert ("t0ken", "/elsewhere") == (started.environment["JUPYTERHUB_API_TOKEN"], started.environment["HOME"])
    assert ("ana", "/bin/zsh") == (started.environment["USER"], started.environment["SHELL"])
    assert "SLURM_TIME_FORMAT" not in started.environment


@pytest.mark.parametrize(("length", "moves"), [(28, False), (29, True)])
def test_kernels_of_a_long_home_meet_elsewhere(
    job: Path, monkeypatch: pytest.MonkeyPatch, length: int, moves: bool
) -> None:
    """A Unix socket's path holds 107 bytes; where the home's is longer, a private folder takes its place."""
    monkeypatch.delenv("JUPYTER_RUNTIME_DIR", raising=False)
    told = job_side._runtime_folder("/" + "h" * (length - 1))

    assert moves == ("JUPYTER_RUNTIME_DIR" in told)
    assert all(Path(folder).is_dir() and 0o700 == Path(folder).stat().st_mode & 0o777 for folder in told.values())


def test_a_claim_tells_who_asks_and_where_it_will_listen(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Job, restart count, nonce, secret, a free port, and a word of this process alone."""
    run(monkeypatch, "serve", hub.api)
    run(monkeypatch, "serve", hub.api)

    (path, first), (_, second) = hub.told
    assert "/hub/api/beamside/claim" == path
    assert ("4711", 2, "n0nce", "s3cret") == tuple(first[key] for key in ("job_id", "restarts", "nonce", "secret"))
    assert 1024 <= first["port"] <= 65535
    assert first["claimant"] != second["claimant"]


def test_a_hub_that_restarts_is_asked_again(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "Not yet" and errors of the hub's own are no refusal; the same process asks again with the same word."""
    later = {"message": "the hub has just started; ask again"}
    hub.answers = [(503, later), (500, later), (502, "?"), (200, ANSWER)]

    assert run(monkeypatch, "serve", hub.api)
    assert 4 == len(hub.told)
    assert 1 == len({body["claimant"] for _, body in hub.told})


def test_an_answer_that_breaks_off_is_asked_for_again(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same process asks with the same word, so it gets what was lost."""
    hub.cut = 2

    assert run(monkeypatch, "serve", hub.api)
    assert (3, 1) == (len(hub.told), len({body["claimant"] for _, body in hub.told}))


@pytest.mark.parametrize(
    ("api", "place"),
    [
        ("http://hub.example:8081/hub/api", ("hub.example", 8081)),
        ("http://hub/hub/api", ("hub", 80)),
        ("https://hub/hub/api", ("hub", 443)),
        ("http://[fd00::7]:8081/hub/api", ("fd00::7", 8081)),
        ("http://[fd00::7]/hub/api", ("fd00::7", 80)),
    ],
)
def test_the_hub_is_where_its_address_says(api: str, place: tuple[str, int]) -> None:
    """With and without a port, and by an IPv6 address."""
    known = job_side.Hub(api, "", "")

    assert (place, "/hub/api") == (known._place, known._path)


def test_a_hub_that_is_away_is_waited_for(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody listens the job asks until its patience ends, and then says so and frees its nodes."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}/hub/api"
        clock = iter(range(0, 10_000, 100))
        monkeypatch.setattr(job_side.time, "monotonic", lambda: next(clock))

        with pytest.raises(SystemExit, match="did not answer for 30 minutes"):
            run(monkeypatch, "serve", nowhere)


def test_a_refusal_ends_the_job_with_the_hubs_words(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that is not wanted any more does not stay; its log says why."""
    hub.answers = [(403, {"message": "this server was stopped"})]

    with pytest.raises(SystemExit, match="the hub refused this job: this server was stopped"):
        run(monkeypatch, "serve", hub.api)


def test_nothing_secret_is_printed(
    hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log of a job, which the hub shows on failure, holds neither secret nor token."""
    run(monkeypatch, "serve", hub.api)

    said = "".join(capfd.readouterr())
    assert "starting serve-lab" in said
    assert "s3cret" not in said
    assert "t0ken" not in said


def test_keys_lie_with_their_user_until_the_script_is_over(
    hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0600 in a 0700 folder; a run that was killed is tidied up by the next, another job's keys and links stay."""
    hub.answers = [(200, {**ANSWER, "tls": {"key": "k3y", "certificate": "c3rt", "authorities": "c4s"}})]
    others, elsewhere = job / "beamside-47110-x", job / "elsewhere"
    others.mkdir()
    elsewhere.mkdir()
    (job / "beamside-4711-link").symlink_to(elsewhere)
    killed = run(monkeypatch, "serve", hub.api)
    started = run(monkeypatch, "serve", hub.api)
    assert killed is not None
    assert started is not None
    paths = [Path(started.environment[f"JUPYTERHUB_SSL_{name}"]) for name in ("KEYFILE", "CERTFILE", "CLIENT_CA")]

    assert ["k3y", "c3rt", "c4s"] == [path.read_text() for path in paths]
    assert {0o600} == {path.stat().st_mode & 0o777 for path in paths}
    assert 0o700 == paths[0].parent.stat().st_mode & 0o777
    assert not Path(killed.environment["JUPYTERHUB_SSL_KEYFILE"]).parent.exists()
    run(monkeypatch, "ended", hub.api)
    assert not paths[0].parent.exists()
    assert others.is_dir()
    assert elsewhere.is_dir()


def test_keys_are_gone_though_the_hub_is_away(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slurm gives a script that it ends seconds only, and they are spent on the keys first."""
    hub.answers = [(200, {**ANSWER, "tls": {"key": "k3y", "certificate": "c3rt", "authorities": "c4s"}})]
    started = run(monkeypatch, "serve", hub.api)
    assert started is not None

    with pytest.raises(OSError, match="refused"):
        run(monkeypatch, "ended", "http://127.0.0.1:1/hub/api")
    assert not Path(started.environment["JUPYTERHUB_SSL_KEYFILE"]).parent.exists()


def test_the_end_of_the_script_is_told(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch script's exit trap tells the hub, with the same proof."""
    assert run(monkeypatch, "ended", hub.api) is None

    ((path, body),) = hub.told
    assert "/hub/api/beamside/ended" == path
    assert {"job_id", "restarts", "nonce", "secret"} == set(body)


def test_why_the_script_ended_is_told(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that Slurm warned of its end says so."""
    run(monkeypatch, "ended", hub.api, "walltime")

    assert "walltime" == hub.told[0][1]["why"]


SERVER = "import http.server, sys; http.server.HTTPServer(('', int(sys.argv[1])), http.server.BaseHTTPRequestHandler)"


def test_the_reported_port_is_held_until_the_server_listens_there() -> None:
    """Nobody else gets it, not by chance and not on purpose; a server in the process that holds it does."""
    holder = job_side.hold_port()
    port = holder.getsockname()[1]

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("", port))
    done = subprocess.run([sys.executable, "-c", SERVER, str(port)], pass_fds=[holder.fileno()], check=False)
    holder.close()
    assert 0 == done.returncode


def test_a_taken_port_is_passed_over_and_a_full_range_is_named() -> None:
    """Every port of the operator's range is tried; where all are taken the job's log says so."""
    first = job_side.hold_port()
    low = first.getsockname()[1]
    with first, pytest.raises(SystemExit, match=f"every port from {low} to {low} is taken on this node"):
        job_side.hold_port(f"{low}-{low}")

    with socket.socket() as listener, job_side.hold_port(f"{low}-{low + 40}") as held:
        listener.bind(("", 0))
        assert low <= held.getsockname()[1] <= low + 40


def test_the_server_can_be_interrupted_again(hub: Hub, job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script's background process ignores SIGINT; kernels below it must not."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        run(monkeypatch, "serve", hub.api)
        assert signal.SIG_DFL == signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_claims_lie_where_the_facility_puts_them() -> None:
    """The job side stands alone, so its folder must be the one of facility.places."""
    assert places.claim_path("/home/ana", "n") == Path("/home/ana") / job_side.CLAIMS / "n"
