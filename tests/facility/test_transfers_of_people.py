"""Transfers of two people through the real root helper: each reads and writes as oneself."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from facility.as_user import acting
from facility.errors import NotAllowed, Refused
from facility.profile import Tier
from facility.rclone_program import find_rclone
from facility.service.caller import Mandate
from facility.service.transfers.engines import Order, Rclone, Reached
from facility.service.transfers.engines.engine import Acts
from facility.service.transfers.tiers import Spot

from .conftest import RealSite, install_helper

pytestmark = [pytest.mark.slurm, pytest.mark.needs_root]


@dataclass
class People:
    """Ana's closed directory with a scan, a directory where everybody may write, and rclone as whoever is named."""

    ana: str
    ben: str
    folder: Path
    engine: Rclone

    async def carry(self, user: str, source: str, destination: str) -> Reached:
        """Bring it as this person."""
        tier = Tier(path=str(self.folder))

        async def report(_: Reached) -> None:
            return

        places = (Spot(tier, "people", str(self.folder / path)) for path in (source, destination))
        order = Order(Mandate(user), *places, "", verify=True, reached=Reached(), attempt=1)
        return await self.engine.carry(order, report)


@pytest.fixture
def people(real_site: RealSite) -> People:
    """A helper that knows rclone."""
    if not real_site.profile.as_user:
        pytest.skip("needs root: two uids")
    folder = real_site.folder / secrets.token_hex(4)
    folder.mkdir(mode=0o755)
    program = shutil.copy(find_rclone("rclone"), folder / "rclone")  # where ana and ben may go
    environment = {"PATH": "/usr/bin:/bin", "RCLONE_CONFIG": ""}
    helper = install_helper(folder / "libexec", real_site.profile.as_user.group, environment, {})
    configuration = json.loads((folder / "libexec/as-user.json").read_text())
    configuration["commands"] = {"rclone": str(program)}
    (folder / "libexec/as-user.json").write_text(json.dumps(configuration))
    facts = real_site.profile.as_user.model_copy(update={"helper": (str(helper),)})
    profile = real_site.profile.model_copy(update={"as_user": facts})
    account = pwd.getpwnam(real_site.ana)
    (folder / "ana" / "scan").mkdir(parents=True)
    (folder / "ana" / "scan" / "0.bin").write_bytes(b"x" * 70_000)
    for path in (folder / "ana", folder / "ana/scan", folder / "ana/scan/0.bin"):
        os.chown(path, account.pw_uid, account.pw_gid)
    (folder / "ana").chmod(0o700)
    (folder / "open").mkdir()
    (folder / "open").chmod(0o1777)

    def acting_for(mandate: Mandate) -> Acts:
        return OneOf(mandate.user)

    class OneOf:
        def __init__(self, user: str) -> None:
            self.user = user

        def start(self, verb: str, arguments: object, digest: str, timeout: float, user: str = "") -> object:
            return acting(profile).start(verb, arguments, digest, timeout, self.user)

    return People(real_site.ana, real_site.ben, folder, Rclone(acting_for))


async def test_a_copy_belongs_to_whom_it_was_made_for(people: People) -> None:
    """Not to the service, and not to root; verified as that person too."""
    reached = await people.carry(people.ana, "ana/scan", "open/scan")

    copied = people.folder / "open/scan/0.bin"
    assert (70_000, 1) == (reached.bytes_done, reached.verified)
    assert pwd.getpwnam(people.ana).pw_uid == copied.stat().st_uid


async def test_what_the_kernel_refuses_somebody_is_refused(people: People) -> None:
    """Ben reads nothing of ana's, and writes nothing into what is hers, whatever the paths say."""
    with pytest.raises(NotAllowed, match="Permission denied"):
        await people.carry(people.ben, "ana/scan", "open/mine")
    (people.folder / "open/bens").write_text("mine")
    (people.folder / "open/bens").chmod(0o644)
    with pytest.raises(Refused, match=r"permission denied"):
        await people.carry(people.ben, "open/bens", "ana/scan/in")

    assert not (people.folder / "open/mine").exists()


async def test_a_link_into_somebody_elses_files_brings_nothing_of_them(people: People) -> None:
    """It is copied as the link that it is."""
    account = pwd.getpwnam(people.ben)
    bait = people.folder / "open/bait"
    bait.mkdir()
    (bait / "scan").symlink_to(people.folder / "ana/scan")
    os.chown(bait, account.pw_uid, account.pw_gid)
    await people.carry(people.ben, "open/bait", "open/caught")

    assert (people.folder / "open/caught/scan").is_symlink()
