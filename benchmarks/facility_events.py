"""How events reach many listeners: ours, and a plain tornado server of the same events, in the same run.

    python benchmarks/facility_events.py [--listeners 5000] [--deaf 2000] [--seconds 15]

Each server is a process of its own on loopback; this process holds the listeners. Printed are the delay from publishing
to reading (p50, p99), the server's processor time for one event at one listener, the resident memory per listener above
that of the idle server, and, for listeners that never read, how the memory of the server goes on while events come;
at the end the figures with goals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import tornado.httpserver
import tornado.iostream
import tornado.netutil
import tornado.web
from goal import Goal, processor_seconds, resident_bytes, show_machine

from facility.models import Job, JobState
from facility.profile import read_profile
from facility.providers.slurm import Slurm
from facility.service.running import running
from facility.service.serving import ServiceServer
from facility.testing import FakeScheduler, free_port, until
from facility.testing.tokens import token_for

STAMP = re.compile(rb'"name": ?"(\d+\.\d+)"')
CONNECTING_AT_ONCE = 100


@dataclass
class Figures:
    """What one server reached."""

    p50: float
    p99: float
    kib_each: float
    lost: int  # events that did not come, at listeners that were not told to start anew
    deaf_growth_mib: float
    cpu_us: float  # of the server, for one event at one listener: the figure that a busy machine changes least


def main() -> None:
    """Measure both, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=5000)
    parser.add_argument("--deaf", type=int, default=2000, help="listeners that never read")
    parser.add_argument("--seconds", type=int, default=15, help="an event comes every second")
    parser.add_argument("--serve", choices=sorted(SERVERS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if arguments.serve:
        asyncio.run(SERVERS[arguments.serve]())
        return
    show_machine()
    found = {}
    for name in SERVERS:
        figures = found[name] = measure(name, arguments)
        print(
            f"{name}: {arguments.listeners} listeners: p50 {figures.p50 * 1000:.0f} ms,"
            f" p99 {figures.p99 * 1000:.0f} ms, {figures.cpu_us:.0f} µs of processor time an event,"
            f" {figures.kib_each:.1f} KiB each, {figures.lost} events lost;"
            f" {arguments.deaf} that never read: {figures.deaf_growth_mib:+.1f} MiB in the second half",
            flush=True,
        )
    ours, plain = found["beamside"], found["tornado"]
    ratios = (ours.p99 / plain.p99, ours.cpu_us / plain.cpu_us, ours.kib_each / plain.kib_each)
    print("ratio to tornado: p99 {:.2f}, processor time {:.2f}, memory {:.2f}".format(*ratios))
    for goal in (
        Goal(f"{arguments.listeners} listeners: 99 % of events within", ours.p99, "s", most=1),
        Goal("memory for each listener", ours.kib_each * 1024 / 1000, "kB", most=20),
        Goal("events lost without a word", ours.lost, "", most=0),
        Goal(f"{arguments.deaf} that never read: growth while events come", ours.deaf_growth_mib, "MiB", most=1),
    ):
        goal.show()


def measure(name: str, arguments: argparse.Namespace) -> Figures:
    """Start one server, listen, and stop it."""
    line = [sys.executable, __file__, "--serve", name]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout and server.stdin
        facts = json.loads(server.stdout.readline())
        try:
            warm = connect(facts, 20)
            time.sleep(2)
            idle = resident_bytes(server.pid)
            sockets = [*warm, *connect(facts, arguments.listeners - len(warm))]
            tell(server, "each")
            spent = processor_seconds(server.pid)
            delays, lost = listen(sockets, arguments.seconds)
            spent = processor_seconds(server.pid) - spent
            each = (resident_bytes(server.pid) - idle) / (len(sockets) - len(warm)) / 1024
            tell(server, "quiet")
            for held in sockets:
                held.close()
            time.sleep(3)
            growth = grow(server, facts, arguments)
        finally:
            server.kill()
    p99 = statistics.quantiles(delays, n=100)[98]
    return Figures(statistics.median(delays), p99, each, lost, growth, spent / len(delays) * 1e6)


def grow(server: subprocess.Popen[str], facts: dict[str, object], arguments: argparse.Namespace) -> float:
    """How the server's memory goes on, in MiB, while nobody reads and 50 events a second come."""
    deaf = connect(facts, arguments.deaf, buffer=4096)
    tell(server, "flood")
    time.sleep(arguments.seconds)
    half = resident_bytes(server.pid)
    time.sleep(arguments.seconds)
    grown = (resident_bytes(server.pid) - half) / 2**20
    for held in deaf:
        held.close()
    return grown


def tell(server: subprocess.Popen[str], word: str) -> None:
    """Let the server publish: an event each second, a flood, or nothing."""
    assert server.stdin
    server.stdin.write(f"{word}\n")
    server.stdin.flush()


def connect(facts: dict[str, object], count: int, buffer: int = 0) -> list[socket.socket]:
    """So many listeners whose answer has begun."""
    request = f"GET {facts['path']} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {facts['token']}\r\n\r\n".encode()
    made: list[socket.socket] = []
    while len(made) < count:
        batch = []
        for _ in range(min(CONNECTING_AT_ONCE, count - len(made))):
            held = socket.socket()
            if buffer:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            held.connect(("127.0.0.1", int(str(facts["port"]))))
            held.sendall(request)
            batch.append(held)
        for held in batch:
            held.settimeout(60)
            assert b" 200 " in held.recv(100).split(b"\r\n")[0]
            held.setblocking(False)
        made += batch
    return made


def listen(sockets: list[socket.socket], seconds: int) -> tuple[list[float], int]:
    """The delay of every event at every listener, and how many did not come where no resync told of it."""
    poll, by_handle = select.epoll(), {held.fileno(): held for held in sockets}
    for handle in by_handle:
        poll.register(handle, select.EPOLLIN)
    delays, stamps = list[float](), set[bytes]()
    heard, warned, rest = Counter[int](), set[int](), dict[int, bytes]()
    end = time.monotonic() + seconds
    while time.monotonic() < end + 3:
        for handle, _ in poll.poll(0.2):
            now = time.time()
            with suppress(BlockingIOError):
                whole, _, rest[handle] = (rest.get(handle, b"") + by_handle[handle].recv(65536)).rpartition(b"\n\n")
                if b"event: resync" in whole:
                    warned.add(handle)
                for stamp in STAMP.findall(whole):
                    stamps.add(stamp)
                    heard[handle] += 1
                    delays.append(now - float(stamp))
        if time.monotonic() > end and len(stamps) * len(sockets) == heard.total():
            break
    poll.close()
    return delays, sum(len(stamps) - heard[handle] for handle in by_handle if handle not in warned)


async def publish_as_told(publish: Callable[[], object]) -> None:
    """Read words from standard input, and call `publish` at the rate they name."""
    pauses = {"each": 1.0, "flood": 0.02, "quiet": None}
    loop, pause = asyncio.get_running_loop(), None
    words: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin.fileno(), lambda: words.put_nowait(sys.stdin.readline()))
    while True:
        try:
            word = await asyncio.wait_for(words.get(), pause)
            if not word:
                return
            pause = pauses[word.strip()]
        except TimeoutError:
            publish()


async def serve_ours() -> None:
    """The facility service over a scheduler with one job, whose name tells the time of each change."""
    port = free_port()
    profile = read_profile(f'name="b"\n[service]\nurl="http://127.0.0.1:{port}"\n[systems.b]\ntitle="b"\n')
    job = Job("7", "ana", "scan", JobState.RUNNING, "RUNNING", submitted=datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        scheduler = FakeScheduler({"7": job})
        async with running(profile, Path(folder) / "state", Slurm(profile.system, scheduler)) as parts:

            def publish() -> None:
                # from the job as squeue tells it, so that the next look at the queue finds nothing different
                scheduler.jobs["7"] = replace(parts.ledger.job("7") or job, name=f"{time.time():.6f}")
                parts.broadcast.publish(parts.ledger.put(scheduler.jobs["7"]))

            server = ServiceServer(parts, ("jobs", "callbacks"), "127.0.0.1", port)
            serving = asyncio.create_task(server.serve())
            await until(lambda: server.started and parts.ledger.taken is not None)
            token = token_for(parts, "hub", frozenset({"hub"}))
            print(json.dumps({"port": port, "path": "/events", "token": token}), flush=True)
            await publish_as_told(publish)
            serving.cancel()


async def serve_plain() -> None:
    """What one would write first: a queue for each listener, and a write for each event."""
    queues: set[asyncio.Queue[str]] = set()

    class Events(tornado.web.RequestHandler):
        async def get(self) -> None:
            queue: asyncio.Queue[str] = asyncio.Queue()
            queues.add(queue)
            self.set_header("Content-Type", "text/event-stream")
            with suppress(tornado.iostream.StreamClosedError):
                self.write(": hello\n\n")
                await self.flush()
                while True:
                    self.write(await queue.get())
                    await self.flush()
            queues.discard(queue)

    def publish() -> None:
        event = f'event: change\ndata: {{"name": "{time.time():.6f}", "padding": "{"x" * 500}"}}\n\n'
        for queue in queues:
            queue.put_nowait(event)

    [listener] = tornado.netutil.bind_sockets(0, "127.0.0.1", backlog=1000)
    tornado.httpserver.HTTPServer(tornado.web.Application([("/events", Events)])).add_sockets([listener])
    print(json.dumps({"port": listener.getsockname()[1], "path": "/events", "token": "none"}), flush=True)
    await publish_as_told(publish)


SERVERS = {"beamside": serve_ours, "tornado": serve_plain}

if __name__ == "__main__":
    main()
