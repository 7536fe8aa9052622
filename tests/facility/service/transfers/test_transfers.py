"""Transfers by the real rclone: whole files only, whatever is killed in the middle, and what is told of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from facility.answers import Transfer
from facility.as_user import Acting, DirectWay
from facility.errors import KeyReused, NotFound, Refused
from facility.profile import Profile, read_profile
from facility.providers.slurm.provider import slurm_environment
from facility.providers.slurm.run import DirectRunner, current_user
from facility.rclone_program import find_rclone
from facility.service.caller import Caller
from facility.service.clock import Clock, SystemClock
from facility.service.database import Database
from facility.service.events.happenings import Happening
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operations
from facility.service.transfers.engines import Rclone
from facility.service.transfers.service import Transfers, Wish
from facility.testing import free_port, until

ME = current_user()
CALLER = Caller(ME, frozenset({"transfers"}), "client", SystemClock().now(), "token")
WISH = Wish("scratch", "scan", "archive", "kept/scan")


@dataclass
class Leave:
    """Identity's part: delegations, and which of them were ended."""

    made: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def delegate(self, caller: Caller, verbs: frozenset[str], seconds: float) -> str:
        """Leave for a transfer."""
        assert verbs == {"transfer"}
        self.made.append(f"delegation-{len(self.made)}")
        return self.made[-1]

    async def end_delegation(self, delegation: str) -> None:
        """Note it."""
        self.ended.append(delegation)


@dataclass
class Site:
    """Two tiers in one folder, and transfers between them."""

    folder: Path
    transfers: Transfers
    leave: Leave
    told: list[Happening]

    @property
    def scan(self) -> Path:
        """A directory of ours in scratch."""
        return self.folder / "scratch" / ME / "scan"

    @property
    def copy(self) -> Path:
        """Where WISH brings it."""
        return self.folder / "archive" / ME / "kept" / "scan"

    async def ended(self, started: Transfer, seconds: float = 60.0) -> Transfer:
        """The transfer when it has ended."""
        found = await self.transfers.wait(started.id, ME, seconds)
        assert found.is_final, found
        return found


def profile_of(folder: Path, more: str = "") -> Profile:
    """A site whose tiers lie in `folder`."""
    return read_profile(f"""
    name = "Tests"
    [service]
    url = "http://127.0.0.1:8400"
    {more}
    [systems.tests]
    title = "Tests"
    [tiers.scratch]
    path = "{folder}/scratch/{{user}}"
    [tiers.archive]
    path = "{folder}/archive/{{user}}"
    [tiers.partner]
    path = "/{{user}}"
    remote = "partner"
    [tiers.elsewhere]
    path = "/~/"
    engine = "globus"
    globus = "ddb59aef-6d04-11e5-ba46-22000b92c6ec"
    """)


@contextlib.asynccontextmanager
async def site_in(
    folder: Path, profile: Profile | None = None, rclone: str = "", clock: Clock | None = None
) -> AsyncIterator[Site]:
    """A site at work; a second one in the same folder is the service started again."""
    clock = clock or SystemClock()
    profile = profile or profile_of(folder)
    environment = slurm_environment(profile.system) | {"RCLONE_CONFIG": profile.service.rclone_config}
    way = DirectWay({"rclone": rclone or find_rclone("rclone")}, environment, shell=False)
    database = Database(f"sqlite:///{folder}/service.sqlite3", "service")
    operations, leave, told = Operations(database, clock), Leave(), []
    engine = Rclone(lambda mandate: Acting(way, DirectRunner(environment), mandate))
    transfers = Transfers(profile, operations, (engine,), Delegated(operations, leave), told.append, clock)
    work = asyncio.create_task(operations.run())
    try:
        yield Site(folder, transfers, leave, told)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        database.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a scan of three files and an empty directory in scratch."""
    scan = tmp_path / "scratch" / ME / "scan"
    (scan / "frames").mkdir(parents=True)
    (scan / "empty").mkdir()
    for name, size in (("frames/0.bin", 300_000), ("frames/1 ß.bin", 70_000), ("notes.txt", 12)):
        (scan / name).write_bytes(os.urandom(size))
    return tmp_path


@pytest.fixture
async def site(place: Path) -> AsyncIterator[Site]:
    """A site over `place`."""
    async with site_in(place) as found:
        yield found


def digests(folder: Path) -> dict[str, str]:
    """Checksums of the files below."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


async def test_a_directory_arrives_whole_and_is_verified(site: Site) -> None:
    """With its empty directories; figures, times and the leave to act are settled at the end."""
    found = await site.ended(await site.transfers.start(CALLER, WISH))

    assert ("SUCCEEDED", "", 370_012, 3, 3) == (
        found.state, found.reason, found.bytes_transferred, found.files_transferred, found.files_verified
    )  # fmt: skip
    assert digests(site.scan) == digests(site.copy)
    assert (site.copy / "empty").is_dir()
    assert found.completed and found.bytes_per_second > 0
    assert site.leave.made == site.leave.ended
    assert ["transfer.active", "transfer.succeeded"] == [happening.event for happening in site.told]
    assert ("SUCCEEDED", 370_012) == (site.told[-1].data["state"], site.told[-1].data["bytes_transferred"])


async def test_one_file_gets_the_name_that_was_asked_for(site: Site) -> None:
    """The destination is the copy's own name."""
    wish = Wish("scratch", "scan/notes.txt", "archive", "later.txt", verify=False)
    await site.ended(await site.transfers.start(CALLER, wish))

    copied = site.folder / "archive" / ME / "later.txt"
    assert (site.scan / "notes.txt").read_bytes() == copied.read_bytes()


async def test_links_stay_links_and_a_pipe_is_told_of(site: Site) -> None:
    """Nothing is followed out of the tier, and nothing is left out in silence."""
    (site.scan / "outside").symlink_to("/etc/passwd")
    os.mkfifo(site.scan / "pipe")
    found = await site.ended(await site.transfers.start(CALLER, WISH))

    assert ("/etc/passwd", ("pipe",)) == (str((site.copy / "outside").readlink()), found.skipped)
    assert not (site.copy / "pipe").exists()


async def test_modes_and_times_come_along_and_no_copy_is_set_uid(site: Site) -> None:
    """A script can still be run, and an empty directory is one."""
    script = site.scan / "notes.txt"
    script.chmod(0o4750)
    os.utime(script, (1_000_000_000, 1_000_000_000))
    await site.ended(await site.transfers.start(CALLER, WISH))
    empty = Wish("scratch", "scan/empty", "archive", "empty")
    await site.ended(await site.transfers.start(CALLER, empty))

    copied = (site.copy / "notes.txt").stat()
    assert (0o750, 1_000_000_000) == (copied.st_mode & 0o7777, copied.st_mtime)
    assert (site.folder / "archive" / ME / "empty").is_dir()


async def test_verifying_finds_a_copy_that_only_looks_right(site: Site) -> None:
    """Same size and time, other contents: it is brought again."""
    await site.ended(await site.transfers.start(CALLER, WISH))
    victim = site.copy / "frames/0.bin"
    times = victim.stat()
    victim.write_bytes(b"x" * times.st_size)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    found = await site.ended(await site.transfers.start(CALLER, replace(WISH, label="again")))

    assert ("SUCCEEDED", 300_000, 3) == (found.state, found.bytes_transferred, found.files_verified)
    assert digests(site.scan) == digests(site.copy)


@pytest.mark.parametrize(
    ("source", "words"), [("nothing", "No such file"), ("link", "is a link"), ("pipe", "neither a file nor a dir")]
)
async def test_a_source_that_cannot_be_brought_fails_at_once(site: Site, source: str, words: str) -> None:
    """In words that name it, without trying for a day; a pipe holds up nobody."""
    (site.scan.parent / "link").symlink_to("scan")
    os.mkfifo(site.scan.parent / "pipe")
    found = await site.ended(await site.transfers.start(CALLER, replace(WISH, source_path=source)))

    assert ("FAILED", 1) == (found.state, found.attempts)
    assert words in found.reason
    assert "transfer.failed" == site.told[-1].event
    assert site.leave.made == site.leave.ended


@pytest.mark.parametrize(
    "path", ["../other", "scan/../../x", "/etc/passwd", "a\nb", "a\0b", "\ud800", "x" * 5000, "//etc"]
)
async def test_a_path_out_of_the_tier_is_refused(site: Site, path: str) -> None:
    """Before anything is stored."""
    with pytest.raises(Refused):
        await site.transfers.start(CALLER, replace(WISH, source_path=path))

    assert ((), []) == (await site.transfers.list(ME), site.leave.made)


async def test_the_tiers_own_directory_may_stand_before_a_path(site: Site) -> None:
    """As programs of the Superfacility API give it."""
    wish = replace(WISH, source_path=f"/{site.scan}", destination_path=str(site.copy))
    found = await site.ended(await site.transfers.start(CALLER, wish))

    assert ("SUCCEEDED", str(site.scan), str(site.copy)) == (found.state, found.source.path, found.destination.path)


@pytest.mark.parametrize("tier", ["attic", "scratch:", ":local,x=y", ""])
async def test_a_tier_that_is_not_there_is_refused(site: Site, tier: str) -> None:
    """No words of a person's ever name a place that the operator did not."""
    with pytest.raises(NotFound, match="there are scratch, archive"):
        await site.transfers.start(CALLER, replace(WISH, source_tier=tier))


async def test_nothing_carries_between_a_tier_of_globus_and_one_without(site: Site) -> None:
    """It is said before anything is begun."""
    with pytest.raises(Refused, match="nothing here carries"):
        await site.transfers.start(CALLER, replace(WISH, destination_tier="elsewhere", destination_path="x"))


async def test_the_same_key_is_the_same_transfer(site: Site) -> None:
    """And another wish under it is refused; the leave that was not needed ends."""
    first = await site.transfers.start(CALLER, WISH, key="k")
    again = await site.transfers.start(CALLER, WISH, key="k")
    with pytest.raises(KeyReused):
        await site.transfers.start(CALLER, replace(WISH, label="other"), key="k")

    assert first.id == again.id
    await site.ended(first)
    assert sorted(site.leave.made) == sorted(site.leave.ended)


async def test_a_transfer_is_its_owners_alone(site: Site) -> None:
    """To everybody else it does not exist."""
    started = await site.transfers.start(CALLER, WISH)
    for ask in (site.transfers.get, site.transfers.cancel):
        with pytest.raises(NotFound):
            await ask(started.id, "somebody")

    assert () == await site.transfers.list("somebody")
    await site.ended(started)


def big_file(place: Path) -> None:
    """One that takes seconds at the pace of `slow_rclone`."""
    with (place / "scratch" / ME / "scan" / "big.bin").open("wb") as file:
        file.truncate(60 * 2**20)
        file.write(os.urandom(2**20))


def slow_rclone(folder: Path) -> str:
    """The real rclone, at 25 MB a second."""
    program = folder / "slow-rclone"
    program.write_text(f'#!/bin/sh\nexec "{find_rclone("rclone")}" --bwlimit 25M "$@"\n')
    program.chmod(0o755)
    return str(program)


def rclones(folder: Path) -> list[int]:
    """The processes of rclone that copy from this folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"--inplace=false" in words and any(str(folder).encode() in word for word in words):
                    found.append(int(entry.name))
    return found


def is_begun(site: Site) -> Callable[[], bool]:
    """Whether the big file is being copied, under another name than its own."""
    return lambda: bool(list(site.copy.glob("big.bin.*.partial")))


async def test_rclone_that_is_killed_goes_on_and_no_half_file_is_seen(place: Path) -> None:
    """F44: the file has its name when it is whole; what was there already is not copied again."""
    big_file(place)
    async with site_in(place, rclone=slow_rclone(place)) as slow:
        started = await slow.transfers.start(CALLER, WISH)
        await until(is_begun(slow))
        seen = (slow.copy / "big.bin").exists()
        for pid in rclones(place):
            os.kill(pid, signal.SIGKILL)
        found = await slow.ended(started)

    assert (False, "SUCCEEDED", 2) == (seen, found.state, found.attempts)
    assert digests(slow.scan) == digests(slow.copy)


async def test_a_cancelled_transfer_takes_back_what_it_had_only_begun(place: Path) -> None:
    """Whole files stay; rclone is gone; the end is told."""
    big_file(place)
    async with site_in(place, rclone=slow_rclone(place)) as slow:
        started = await slow.transfers.start(CALLER, WISH)
        await until(is_begun(slow))
        found = await slow.transfers.cancel(started.id, ME)
        await until(lambda: not rclones(place))
        again = await slow.transfers.cancel(started.id, ME)

    assert ("CANCELED", "CANCELED") == (found.state, again.state)
    assert [] == list(slow.copy.glob("big.bin*"))
    assert ["transfer.active", "transfer.cancelled"] == [happening.event for happening in slow.told]
    assert slow.leave.made == slow.leave.ended


async def test_a_full_disk_is_told_and_not_tried_for_a_day(place: Path) -> None:
    """In rclone's words; a fault that only a shim can make here."""
    shim = place / "full-rclone"
    shim.write_text(
        '#!/bin/sh\necho \'{"level":"error","msg":"Failed to copy: no space left on device"}\' >&2\nexit 1\n'
    )
    shim.chmod(0o755)
    async with site_in(place, rclone=str(shim)) as full:
        found = await full.ended(await full.transfers.start(CALLER, WISH))

    assert "FAILED" == found.state
    assert "no space left on device" in found.reason


async def test_an_rclone_that_is_too_old_is_told(place: Path) -> None:
    """It would write under the final name."""
    shim = place / "old-rclone"
    shim.write_text("#!/bin/sh\necho 'Error: unknown flag: --inplace' >&2\nexit 2\n")
    shim.chmod(0o755)
    async with site_in(place, rclone=str(shim)) as old:
        found = await old.ended(await old.transfers.start(CALLER, WISH))

    assert "unknown flag: --inplace" in found.reason


async def test_an_engine_that_does_not_start_is_tried_again(place: Path) -> None:
    """Somebody may be updating it."""
    async with site_in(place, rclone=str(place / "later")) as waiting:
        started = await waiting.transfers.start(CALLER, WISH)
        await asyncio.to_thread((place / "later").symlink_to, find_rclone("rclone"))
        found = await waiting.ended(started)

    assert "SUCCEEDED" == found.state


class LaterClock(SystemClock):
    """A minute ahead: leases of a service that died have run out."""

    def now(self):
        """The time of day."""
        return super().now() + timedelta(minutes=1)


SERVICE = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = [{root!r}, {here!r}]
from test_transfers import CALLER, WISH, site_in
async def main():
    async with site_in(Path({place!r}), rclone={rclone!r}) as site:
        print((await site.transfers.start(CALLER, WISH)).id, flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""


async def test_a_service_that_is_killed_takes_rclone_with_it_and_goes_on_when_it_is_back(place: Path) -> None:
    """F44: kill -9 in the middle; nothing half done has its own name, and the next start brings it to its end."""
    big_file(place)
    here = Path(__file__).parent
    program = SERVICE.format(root=str(here.parents[3]), here=str(here), place=str(place), rclone=slow_rclone(place))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    transfer_id = (await process.stdout.readline()).decode().strip()
    copy = place / "archive" / ME / "kept" / "scan"
    await until(lambda: bool(list(copy.glob("big.bin.*.partial"))))
    process.kill()
    await process.wait()
    await until(lambda: not rclones(place))
    seen = (copy / "big.bin").exists()
    async with site_in(place, clock=LaterClock()) as again:
        found = await again.transfers.wait(transfer_id, ME, 60)

    assert (False, "SUCCEEDED", 2) == (seen, found.state, found.attempts)
    assert digests(again.scan) == digests(again.copy)


@contextlib.asynccontextmanager
async def partner(place: Path, port: int, kind: str) -> AsyncIterator[None]:
    """The other site: rclone's own server over a folder of ours."""
    more = ["--user=beam", "--pass=time"] if kind == "sftp" else []
    argv = [find_rclone("rclone"), "serve", kind, f"--addr=127.0.0.1:{port}", *more, str(place / "partner")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "RCLONE_CONFIG": ""}
    process = await asyncio.create_subprocess_exec(*argv, env=environment, stderr=asyncio.subprocess.DEVNULL)
    try:
        await until(lambda: answers(port), 60)
        yield
    finally:
        process.kill()
        await process.wait()


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


async def with_partner(place: Path, kind: str) -> tuple[int, Profile]:
    """A port for the other site, and a profile that names it."""
    (place / "partner").mkdir()
    port = free_port()
    hidden = await asyncio.create_subprocess_exec(
        find_rclone("rclone"), "obscure", "time", stdout=asyncio.subprocess.PIPE, env={"RCLONE_CONFIG": ""}
    )
    password = (await hidden.communicate())[0].decode().strip()
    facts = {
        "sftp": f"type = sftp\nhost = 127.0.0.1\nport = {port}\nuser = beam\npass = {password}\nshell_type = unix\n",
        "webdav": f"type = webdav\nurl = http://127.0.0.1:{port}\n",
    }
    (place / "rclone.conf").write_text(f"[partner]\n{facts[kind]}")
    return port, profile_of(place, f'rclone_config = "{place}/rclone.conf"')


ACROSS = Wish("scratch", "scan", "partner", "scan")


async def test_a_second_site_that_dies_in_the_middle_gets_the_rest_when_it_is_back(place: Path) -> None:
    """F44: over SFTP, with checksums of both sides compared at the end, and back again."""
    big_file(place)
    port, profile = await with_partner(place, "sftp")
    there = place / "partner" / ME / "scan"
    async with site_in(place, profile, slow_rclone(place)) as site:
        async with partner(place, port, "sftp"):
            started = await site.transfers.start(CALLER, ACROSS)
            await until(lambda: bool(list(there.glob("big.bin*"))), 60)
            seen = (there / "big.bin").exists()
            waiting = await site.transfers.wait(started.id, ME, 1)
        async with partner(place, port, "sftp"):
            found = await site.ended(started)
            back = await site.transfers.start(CALLER, Wish("partner", "scan", "archive", "kept/scan"))
            await site.ended(back)

    assert (False, "ACTIVE", "SUCCEEDED") == (seen, waiting.state, found.state)
    assert digests(site.scan) == digests(there) == digests(site.copy)


async def test_a_site_without_checksums_is_no_verified_copy(place: Path) -> None:
    """The data is there, and it is not said to be verified; without verify it is enough."""
    port, profile = await with_partner(place, "webdav")
    async with site_in(place, profile) as site, partner(place, port, "webdav"):
        wanted = await site.ended(await site.transfers.start(CALLER, ACROSS))
        plain = await site.ended(await site.transfers.start(CALLER, replace(ACROSS, verify=False)))

    assert ("FAILED", "SUCCEEDED") == (wanted.state, plain.state)
    assert "no checksum in common" in wanted.reason
    assert digests(site.scan) == digests(place / "partner" / ME / "scan")
