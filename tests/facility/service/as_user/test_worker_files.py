"""A person's files, through the root helper as ana, and directly as whoever runs the tests."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pwd
import secrets
import shutil
import tarfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from facility.as_user import Acting, LimitedWay, acting
from facility.errors import Busy, FacilityError, NotAllowed, NotFound, Refused
from facility.profile import read_profile
from facility.providers.slurm.run import DirectRunner, current_user
from facility.service.as_user.worker_files import WorkerFiles
from facility.service.caller import Mandate
from facility.testing import until

from ...conftest import RealSite
from ..conftest import PROFILE

pytestmark = pytest.mark.slurm
GIB = 2**30


@dataclass
class Home:
    """A folder of a person's, and that person's files."""

    files: WorkerFiles
    acting: Acting
    folder: Path
    uid: int

    def own(self, name: str, data: bytes = b"") -> str:
        """A file of the person's, made without the worker."""
        path = self.folder / name
        path.write_bytes(data)
        os.chown(path, self.uid, -1)
        return str(path)

    def at(self, name: str) -> str:
        """A path in the folder."""
        return str(self.folder / name)


@pytest.fixture(params=[pytest.param("helper", marks=pytest.mark.needs_root), "direct"])
def home(request: pytest.FixtureRequest, real_site: RealSite) -> Iterator[Home]:
    """As ana through the root helper, or directly as whoever we are."""
    if request.param == "helper":
        profile, user = real_site.profile, real_site.ana
    else:
        profile, user = read_profile(PROFILE), current_user()
    found = pwd.getpwnam(user)
    folder = real_site.folder / f"home-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o755)
    os.chown(folder, found.pw_uid, found.pw_gid)
    for_hub = acting(profile)
    act = Acting(for_hub._way, for_hub._direct, Mandate(user))
    yield Home(WorkerFiles(act, GIB), act, folder, found.pw_uid)
    shutil.rmtree(folder)


async def chunks(*data: bytes) -> AsyncIterator[bytes]:
    """A body in pieces."""
    for piece in data:
        yield piece


async def everything(found: AsyncIterator[bytes]) -> bytes:
    """All of a stream."""
    return b"".join([piece async for piece in found])


def content(*parts: str | Path) -> bytes:
    """What a file holds."""
    return Path(*parts).read_bytes()


def made(path: str | Path, data: bytes = b"", mode: int = 0o600) -> Path:
    """A file with these permissions."""
    found = Path(path)
    found.write_bytes(data)
    found.chmod(mode)
    return found


def left(folder: Path) -> list[str]:
    """What a folder holds, hidden files too."""
    return sorted(place.name for place in folder.iterdir())


async def test_what_is_written_is_read_back(home: Home) -> None:
    """Whole, in the person's name and for the person alone; a range of it too."""
    data = secrets.token_bytes(3_000_001)
    entry = await home.files.write(home.at("scan.bin"), chunks(data[:7], data[7:]))
    whole = await everything(home.files.read(home.at("scan.bin")))
    part = await everything(home.files.read(home.at("scan.bin"), offset=5, limit=600_000))

    assert (data, data[5:600_005]) == (whole, part)
    assert ("file", "-rw-------", len(data)) == (entry.kind, entry.perms, entry.size)
    assert (pwd.getpwuid(home.uid).pw_name, ["scan.bin"]) == (entry.user, left(home.folder))


async def test_a_replaced_file_keeps_its_permissions_and_other_names_of_it_their_content(home: Home) -> None:
    """The new file takes the old one's place: a hard link to the old one is not written through."""
    path = home.own("notes", b"old")
    os.link(made(path, b"old", 0o640), home.at("other-name"))
    entry = await home.files.write(path, chunks(b"new"))

    assert (b"new", b"old") == (content(path), content(home.folder, "other-name"))
    assert ("-rw-r-----", 1) == (entry.perms, entry.hardlinks)


async def test_nothing_is_written_over_unless_that_is_wanted(home: Home) -> None:
    """And nothing is left of the attempt."""
    path = home.own("notes", b"old")
    with pytest.raises(Refused, match=f"{path}: File exists"):
        await home.files.write(path, chunks(b"new"), overwrite=False)

    assert (b"old", ["notes"]) == (content(path), left(home.folder))


async def test_a_file_that_is_too_large_leaves_nothing(home: Home) -> None:
    """The limit holds whatever was announced."""
    with pytest.raises(Refused, match="File too large; 10 bytes"):
        await home.files.write(home.at("big"), chunks(b"x" * 11), largest=10)

    assert [] == left(home.folder)


async def test_a_body_that_breaks_off_leaves_nothing(home: Home) -> None:
    """Neither a part of the file nor a worker."""

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        raise ConnectionError("the client went away")

    with pytest.raises(ConnectionError):
        await home.files.write(home.at("half"), broken())

    assert [] == left(home.folder)


async def test_a_reader_that_leaves_early_ends_the_worker(home: Home) -> None:
    """At once, in the middle of a large file."""
    path = home.own("large")
    os.truncate(path, 2 * GIB)
    async with aclosing(home.files.read(path)) as pieces:
        first = await anext(pieces)

    await until(lambda: path not in open_files(home.uid))
    assert set(first) == {0}


def open_files(uid: int) -> set[str]:
    """The paths that processes of somebody have open."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == uid:
                found |= {str(handle.readlink()) for handle in (process / "fd").iterdir()}
        except OSError:
            continue  # it ended meanwhile
    return found


async def test_a_directory_is_listed_as_ls_does(home: Home) -> None:
    """Kinds, sizes, links with what they name, hidden files, and the dots where they are wanted."""
    home.own("b", b"12")
    home.own(".hidden")
    (home.folder / "a").mkdir()
    (home.folder / "link").symlink_to("b")
    os.mkfifo(home.folder / "pipe")
    entries = {entry.name: entry for entry in await home.files.ls(str(home.folder), dots=True)}

    assert [".", "..", ".hidden", "a", "b", "link", "pipe"] == list(entries)
    kinds = [entry.kind for entry in entries.values()]
    assert ["directory", "directory", "file", "directory", "file", "link", "pipe"] == kinds
    assert (2, "b", "prw") == (entries["b"].size, entries["link"].target, entries["pipe"].perms[:3])


async def test_a_file_is_listed_by_the_path_that_was_asked(home: Home) -> None:
    """A link as a link, unless what it leads to is wanted; a trailing slash wants that too."""
    path = home.own("file", b"123")
    (home.folder / "link").symlink_to("file")
    (home.folder / "way").symlink_to(".")
    link = home.at("link")
    told = [(await home.files.ls(found, follow=follow))[0] for found, follow in ((path, False), (link, False))]
    followed = (await home.files.ls(link, follow=True))[0]

    assert [(path, "file", ""), (link, "link", "file")] == [(entry.name, entry.kind, entry.target) for entry in told]
    assert (link, "file", 3) == (followed.name, followed.kind, followed.size)
    assert ["file", "link", "way"] == [entry.name for entry in await home.files.ls(home.at("way") + "/")]


async def test_a_tree_is_listed_with_all_below(home: Home) -> None:
    """Names are relative to what was asked for; links are not entered."""
    await home.files.mkdir(home.at("a/b/c"), parents=True)
    home.own("a/b/file")
    (home.folder / "a" / "loop").symlink_to("..")

    found = await home.files.ls(str(home.folder), recursive=True)
    assert ["a", "a/b", "a/b/c", "a/b/file", "a/loop"] == [entry.name for entry in found]


async def test_a_name_that_is_no_text_is_shown_and_harms_nothing(home: Home) -> None:
    """As are line ends and quotes in names."""
    for name in (b"\xff\xfe", b'new\nline "quoted"'):
        made(os.fsdecode(os.fsencode(home.folder) + b"/" + name))

    assert ['new\nline "quoted"', "\\xff\\xfe"] == [entry.name for entry in await home.files.ls(str(home.folder))]


async def test_stat_tells_what_the_file_system_tells(home: Home) -> None:
    """Of the file, or of the link itself."""
    home.own("file", b"123")
    (home.folder / "link").symlink_to("file")
    found, link = await home.files.stat(home.at("link")), await home.files.stat(home.at("link"), follow=False)
    expected = (home.folder / "file").stat()

    assert (expected.st_ino, expected.st_mode, 3, home.uid) == (found.ino, found.mode, found.size, found.uid)
    assert ("file", "link", int(expected.st_mtime)) == (found.kind, link.kind, found.mtime)


@pytest.mark.parametrize(
    ("lines", "size", "skip", "expected_head", "expected_tail"),
    [
        (2, None, False, b"1\n2\n", b"4\n5"),
        (2, None, True, b"1\n2\n3\n", b"3\n4\n5"),
        (None, 3, False, b"1\n2", b"4\n5"),
        (None, 3, True, b"1\n2\n3\n", b"\n3\n4\n5"),
    ],
)
async def test_beginning_and_end_are_shown(
    home: Home, lines: int | None, size: int | None, skip: bool, expected_head: bytes, expected_tail: bytes
) -> None:
    """By lines or bytes, or all but so many."""
    path = home.own("lines", b"1\n2\n3\n4\n5")

    assert expected_head == await home.files.head(path, lines=lines, size=size, skip_last=skip)
    assert expected_tail == await home.files.tail(path, lines=lines, size=size, skip_first=skip)


async def test_contents_are_told_in_other_ways_too(home: Home) -> None:
    """A view, a checksum, and what file(1) calls it."""
    path = home.own("data.gz", b"\x1f\x8b\x08\x00" + b"\0" * 20)

    assert b"\x8b\x08" == await home.files.view(path, offset=1, size=2)
    assert hashlib.sha256(content(path)).hexdigest() == await home.files.checksum(path)
    assert hashlib.md5(content(path)).hexdigest() == await home.files.checksum(path, "md5")
    assert "gzip" in await home.files.file_type(path)


async def test_files_are_moved_and_copied(home: Home) -> None:
    """Into a directory too; over a file only where that is wanted; never into itself."""
    home.own("a", b"a")
    home.own("b", b"b")
    await home.files.mkdir(home.at("d"))
    with pytest.raises(Refused, match="File exists"):
        await home.files.move(home.at("a"), home.at("b"))
    await home.files.move(home.at("a"), home.at("b"), overwrite=True)
    moved = await home.files.move(home.at("b"), home.at("d"))
    await home.files.symlink("b", home.at("d/link"))
    await home.files.copy(home.at("d"), home.at("copy"))
    with pytest.raises(Refused, match="inside of what is copied"):
        await home.files.copy(home.at("d"), home.at("d/inside"))

    assert (home.at("d/b"), ["copy", "d"]) == (moved.name, left(home.folder))
    assert (b"a", "b") == ((home.folder / "copy/b").read_bytes(), str((home.folder / "copy/link").readlink()))


async def test_what_a_link_leads_to_is_copied_where_that_is_wanted(home: Home) -> None:
    """And links in a circle come to an end."""
    home.own("file", b"x")
    await home.files.mkdir(home.at("d"))
    await home.files.symlink("../file", home.at("d/link"))
    await home.files.copy(home.at("d"), home.at("plain"), follow=True)
    await home.files.symlink(".", home.at("d/circle"))
    with pytest.raises(Refused):
        await home.files.copy(home.at("d"), home.at("endless"), follow=True)

    assert (b"x", False) == ((home.folder / "plain/link").read_bytes(), (home.folder / "plain/link").is_symlink())


async def test_a_tree_is_removed_but_nothing_through_its_links(home: Home) -> None:
    """A directory that holds something only where that is wanted."""
    await home.files.mkdir(home.at("kept"))
    home.own("kept/file")
    await home.files.mkdir(home.at("tree/below"), parents=True)
    await home.files.symlink(home.at("kept"), home.at("tree/link"))
    with pytest.raises(Refused, match="Directory not empty"):
        await home.files.remove(home.at("tree"))
    await home.files.remove(home.at("tree"), recursive=True)

    assert ["kept"] == left(home.folder)
    assert ["file"] == left(home.folder / "kept")


async def test_permissions_and_group_are_changed(home: Home) -> None:
    """But no file is made to run as its owner, and no group is given that the person is not in."""
    path = home.own("tool")
    entry = await home.files.chmod(path, 0o750)
    with pytest.raises(Refused, match="run as their owner"):
        await home.files.chmod(path, 0o4755)
    with pytest.raises(Refused, match="no such group"):
        await home.files.chown(path, "no-such-group")
    mine = await home.files.chown(path, entry.group)

    assert ("-rwxr-x---", entry) == (entry.perms, mine)


async def test_a_tree_is_packed_and_unpacked(home: Home) -> None:
    """With its links, and only what matches where that is said."""
    await home.files.mkdir(home.at("scan/raw"), parents=True)
    home.own("scan/raw/a.h5", b"a" * 100_000)
    home.own("scan/raw/b.txt", b"b")
    await home.files.symlink("raw/a.h5", home.at("scan/first"))
    await home.files.compress(home.at("scan"), home.at("all.tar.gz"))
    await home.files.compress(home.at("scan"), home.at("some.tar"), compression="none", match=r"\.h5$")
    await home.files.extract(home.at("all.tar.gz"), home.at("back"))
    await home.files.extract(home.at("some.tar"), home.at("some"), compression="none")

    assert b"a" * 100_000 == (home.folder / "back/scan/raw/a.h5").read_bytes()
    assert "raw/a.h5" == str((home.folder / "back/scan/first").readlink())
    assert ["a.h5"] == left(home.folder / "some/scan/raw")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    """An entry of an archive that means harm."""
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside")],
        [member("/tmp/outside")],
        [member("d/../../outside")],
        [member("link", tarfile.SYMTYPE, "/etc/passwd")],
        [member("link", tarfile.SYMTYPE, "../../outside")],
        [member("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
        [member("inner", tarfile.SYMTYPE, "."), member("inner/../../outside")],
    ],
    ids=lambda found: "+".join(each.name for each in found),
)
async def test_an_archive_that_would_write_outside_is_refused(home: Home, members: list[tarfile.TarInfo]) -> None:
    """By its names, its links or its devices."""
    with tarfile.open(home.at("evil.tar"), "w") as archive:
        for each in members:
            archive.addfile(each)
    os.chown(home.at("evil.tar"), home.uid, -1)
    with pytest.raises(Refused):
        await home.files.extract(home.at("evil.tar"), home.at("target"))

    assert not (home.folder / "outside").exists()
    assert {"evil.tar", "target"} >= set(left(home.folder))


async def test_no_archive_is_no_archive(home: Home) -> None:
    """It says so."""
    path = home.own("noise", b"noise" * 1000)
    with pytest.raises(Refused, match="no tar archive"):
        await home.files.extract(path, home.at("target"))


async def test_what_is_not_there_is_said_as_the_system_says_it(home: Home) -> None:
    """Clients look for these words."""
    missing = home.at("missing")
    for ask in (home.files.ls, home.files.stat, home.files.checksum, home.files.remove):
        with pytest.raises(NotFound, match=f"^{missing}: No such file or directory$"):
            await ask(missing)
    with pytest.raises(NotFound, match=f"^{missing}: No such file or directory$"):
        await everything(home.files.read(missing))


TRICKS: dict[str, Callable[[Path], str]] = {
    "pipe": lambda folder: os.mkfifo(folder / "pipe") or str(folder / "pipe"),
    "device": lambda folder: "/dev/zero",
    "directory": str,
    "environment": lambda folder: "/proc/self/environ",
    "descriptor": lambda folder: "/proc/self/fd/0",
    "sysfs": lambda folder: "/sys/kernel/uevent_seqnum",
    "link to proc": lambda folder: (folder / "l").symlink_to("/proc") or str(folder / "l" / "self" / "environ"),
    "dots to proc": lambda folder: f"{folder}/../../../../../../proc/version",
    "zero byte": lambda folder: f"{folder}/a\0b",
    "surrogate": lambda folder: f"{folder}/\ud800",
    "relative": lambda folder: "etc/hostname",
    "empty": lambda folder: "",
    "too long": lambda folder: "/" + "a/" * 4000,
    "endless links": lambda folder: (folder / "x").symlink_to("x") or str(folder / "x"),
    "file as directory": lambda folder: "/etc/hostname/x",
}


@pytest.mark.parametrize("trick", TRICKS)
async def test_what_is_no_file_is_neither_read_nor_written(home: Home, trick: str) -> None:
    """Nothing hangs, nothing is told of the worker itself, and everything says why."""
    path = TRICKS[trick](home.folder)
    before = left(home.folder)
    with pytest.raises((Refused, NotAllowed)):
        await everything(home.files.read(path))
    with pytest.raises((Refused, NotAllowed)):
        await home.files.write(path, chunks(b"x"))

    assert before == left(home.folder)


async def test_a_link_is_not_written_through(home: Home) -> None:
    """What it leads to can be named."""
    path = home.own("file", b"old")
    await home.files.symlink("file", home.at("link"))
    with pytest.raises(Refused, match="it is a link"):
        await home.files.write(home.at("link"), chunks(b"new"))

    assert b"old" == content(path)


@pytest.mark.needs_root
async def test_a_link_that_somebody_else_left_is_not_followed(home: Home, real_site: RealSite) -> None:
    """In a directory where everybody may write, as on a scratch disk; one's own is followed."""
    shared = home.folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    ben = pwd.getpwnam(real_site.ben).pw_uid
    await home.files.mkdir(home.at("private"))
    for name, owner in (("trap", ben), ("own", home.uid)):
        (shared / name).symlink_to(home.folder / "private")
        os.chown(shared / name, owner, -1, follow_symlinks=False)
    os.chown(shared, 0, 0)
    await home.files.write(str(shared / "own" / "file"), chunks(b"x"))
    if home.uid != 0:  # root owns the directory here, and trusts its owner
        with pytest.raises(NotAllowed, match="somebody else left a link"):
            await home.files.write(str(shared / "trap" / "file2"), chunks(b"x"))

    assert ["file"] == left(home.folder / "private")[:1]


@pytest.mark.needs_root
async def test_the_kernel_decides_whose_files_are_whose(real_site: RealSite) -> None:
    """Ana reads nothing of ben's, and writes nothing to the system."""
    act = Acting(acting(real_site.profile)._way, DirectRunner({}), Mandate(real_site.ana))
    files = WorkerFiles(act, GIB)
    secret = made(f"{pwd.getpwnam(real_site.ben).pw_dir}/secret", b"ben's")
    try:
        for path in (str(secret), "/etc/shadow"):
            with pytest.raises(NotAllowed, match="Permission denied"):
                await everything(files.read(path))
        for path in ("/etc/new", "/root/new", "/usr/bin/new"):
            with pytest.raises(NotAllowed):
                await files.write(path, chunks(b"x"))
    finally:
        secret.unlink()


async def test_a_directory_that_is_exchanged_for_a_link_leads_nowhere_else(home: Home) -> None:
    """Again and again, while files are written: what is not the person's own way is never taken."""
    outside, here, aside = home.folder / "outside", home.folder / "here", home.folder / "aside"
    for place in (outside, here):
        place.mkdir()
        os.chown(place, home.uid, -1)
    ended = threading.Event()

    def exchange() -> None:
        while not ended.is_set():
            here.rename(aside)
            here.symlink_to("/proc/self")
            here.unlink()
            aside.rename(here)

    exchanging = asyncio.create_task(asyncio.to_thread(exchange))
    outcomes = []
    for _ in range(12):
        try:
            outcomes.append(await everything(home.files.read(home.at("here/environ"))))
        except FacilityError as error:
            outcomes.append(type(error))
    ended.set()
    await exchanging

    assert {NotFound, NotAllowed} >= set(outcomes)


async def test_another_person_is_refused(home: Home) -> None:
    """A mandate is one person's."""
    with pytest.raises(NotAllowed):
        await home.acting.act("ls", ["/", ""], user="nobody", timeout=5)


async def test_so_much_at_once_and_no_more(home: Home) -> None:
    """Whoever has eight things under way is asked for patience, and nobody else is."""
    way = LimitedWay(home.acting._way)
    act = Acting(way, DirectRunner({}), Mandate(pwd.getpwuid(home.uid).pw_name))
    path = home.own("large")
    os.truncate(path, GIB)
    files = WorkerFiles(act, GIB)
    readers = [files.read(path) for _ in range(8)]
    for reader in readers:
        await anext(reader)
    with pytest.raises(Busy):
        await files.stat(path)
    for reader in readers:
        await reader.aclose()

    assert GIB == (await files.stat(path)).size
