"""Acting for people: commands of their own, Slurm's verbs, policy, and what a mandate does not reach."""

from __future__ import annotations

import asyncio
import json
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from facility.as_user import Acting, Agents, DirectWay, HelperWay, acting, verb_of
from facility.errors import NotAllowed, NotFound, Refused, Unreachable
from facility.profile import AsUser, read_profile
from facility.providers.slurm.run import DirectRunner, current_user
from facility.service.as_user.worker.run import VERBS
from facility.service.as_user.worker_files import WorkerFiles
from facility.service.caller import Mandate
from facility.service.identity.grants import digest_of, sign_grant
from facility.service.identity.verbs import SCOPES_OF

from .conftest import RealSite, install_helper

pytestmark = pytest.mark.slurm
PLAIN = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Identity:
    """Grants as identity signs them; the key is the helper's."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.asked: list[tuple[str, str, str]] = []

    async def grant(self, mandate: Mandate, verb: str, digest: str) -> str:
        """A grant for whatever is asked; remembers it."""
        self.asked.append((mandate.user, verb, digest))
        return sign_grant(self.key, mandate.user, pwd.getpwnam(mandate.user).pw_uid, verb, digest)


@dataclass
class Person:
    """Somebody who may run commands."""

    acting: Acting
    user: str
    home: str


@pytest.fixture
def person(real_site: RealSite) -> Person:
    """At a site that has switched the shell on: as root through the helper by grants, else directly.

    Never root's own shell: what it reads at a login may take locks, and a command that is killed leaves them.
    """
    if not real_site.profile.as_user:
        user = current_user()
        way = DirectWay({}, PLAIN, shell=True)
        return Person(Acting(way, DirectRunner(PLAIN), Mandate(user)), user, pwd.getpwnam(user).pw_dir)
    folder = real_site.folder / secrets.token_hex(4)
    callers = {"root": {"verbs": list(VERBS), "grants": True}}
    helper = install_helper(folder, real_site.profile.as_user.group, PLAIN, {}, callers=callers, shell=True)
    identity = Identity(secrets.token_bytes(32))
    key = folder / "grant.key"
    key.write_bytes(identity.key)
    key.chmod(0o600)
    facts = real_site.profile.as_user.model_copy(update={"helper": (str(helper),)})
    agents = Agents(real_site.profile.model_copy(update={"as_user": facts}), identity)
    return Person(agents.acting_for(Mandate(real_site.ana)), real_site.ana, pwd.getpwnam(real_site.ana).pw_dir)


async def test_a_command_runs_in_the_persons_own_login_shell(person: Person) -> None:
    """In the home, with the person's name and nothing of ours, and tells output, errors and status apart."""
    done = await person.acting.command('echo "$USER $HOME $PWD"; echo oops >&2; shopt -q login_shell; exit 3')

    home = person.home
    assert (3, f"{person.user} {home} {home}\n") == (done.returncode, done.stdout.decode())
    assert done.stderr.startswith(b"oops") or b"shopt" in done.stderr


async def test_a_command_that_prints_without_end_is_cut(person: Person) -> None:
    """4 MiB are kept, and the command comes to its end all the same."""
    done = await person.acting.command("head -c 9000000 /dev/zero; echo done >&2")

    assert (0, 4 * 2**20, b"done\n") == (done.returncode, len(done.stdout), done.stderr)


async def test_a_command_that_takes_too_long_is_ended_with_all_it_started(person: Person) -> None:
    """Also what it put into the background."""
    with pytest.raises(Unreachable, match="no answer in time"):
        await person.acting.command("sleep 1234 & sleep 1234", timeout=1.0)

    assert b"" == (await person.acting.command("pgrep -u $(id -u) -f '[s]leep 1234' || true")).stdout


async def test_a_command_that_is_cancelled_is_ended(person: Person) -> None:
    """Leaving is enough: nobody needs to be root to end it."""
    running = asyncio.create_task(person.acting.command("echo started; exec sleep 4321"))
    seen = "pgrep -u $(id -u) -f '[s]leep 4321' || true"
    while not (await person.acting.command(seen)).stdout:
        continue  # each question takes a while by itself
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert b"" == (await person.acting.command(seen)).stdout


async def test_no_site_runs_commands_unless_it_says_so(real_site: RealSite) -> None:
    """By default there is no shell, for whoever asks."""
    act = acting(real_site.profile)
    user = real_site.ana if real_site.profile.as_user else current_user()
    with pytest.raises(Refused, match="runs no commands"):
        await act.act("command", ["id"], user=user, timeout=10)


@pytest.mark.needs_root
async def test_each_act_asks_identity_for_its_own_arguments(real_site: RealSite) -> None:
    """What is granted is the digest of arguments and input together."""
    assert real_site.profile.as_user
    identity = Identity(b"k" * 32)
    act = Acting(HelperWay(real_site.profile.as_user, PLAIN, identity), DirectRunner(PLAIN), Mandate(real_site.ana))
    await act.act("ls", ["/", ""], timeout=10)
    await act.act("put-claim", ["n"], user=real_site.ana, stdin=b"secret", timeout=10)
    script = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"

    assert [
        (real_site.ana, "ls", digest_of(["/", "", ""])),
        (real_site.ana, "put-claim", digest_of(["n", script])),
    ] == identity.asked


async def test_a_mandate_is_one_persons(person: Person) -> None:
    """Naming somebody else beside it changes nothing but the answer."""
    with pytest.raises(NotAllowed, match="is not done for nobody"):
        await person.acting.run(["scancel", "7"], user="nobody", timeout=5)


async def test_a_log_that_is_not_there_is_not_found(person: Person) -> None:
    """As the system says it."""
    with pytest.raises(NotFound, match="No such file"):
        await person.acting.tail_log(person.user, "no-such-log")


@pytest.mark.needs_root
async def test_files_outside_of_what_a_site_opens_are_not_touched(real_site: RealSite) -> None:
    """Whatever way leads there: up, or through a link."""
    assert real_site.profile.as_user
    opened = real_site.folder / secrets.token_hex(4)
    opened.mkdir()
    (opened / "file").write_text("in")
    (opened / "out").symlink_to("/etc")
    helper = install_helper(
        real_site.folder / secrets.token_hex(4), real_site.profile.as_user.group, PLAIN, {}, roots=[str(opened)]
    )
    facts = AsUser(helper=(str(helper),), group=real_site.profile.as_user.group)
    files = WorkerFiles(Acting(HelperWay(facts, PLAIN), DirectRunner(PLAIN), Mandate(real_site.ana)), 100)
    inside = [entry.name for entry in await files.ls(str(opened))]
    for path in ("/etc/hostname", f"{opened}/out/hostname", f"{opened}/../x", f"{opened}/../../../../etc/hostname"):
        with pytest.raises(NotAllowed, match="outside of what this site opens"):
            await files.stat(path)
    with pytest.raises(Refused, match="transfers cannot promise"):
        await files._acting.act("transfer", ["lsjson", "/etc"], timeout=10)

    assert ["file", "out"] == inside
    assert b"in" == await files.head(f"{opened}/file")


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("estimate", ["--time=10"]),
        ("estimate", ["--test-only", "--time=10"]),
        ("estimate", ["--test-only", "--wrap=reboot"]),
        ("estimate", ["--test-only", "--wrap=true", "--wrap=reboot"]),
        ("estimate", ["--test-only", "--wrap=true", "--job-name=x"]),
        ("estimate", ["--test-only", "--wrap=true", "/dev/stdin"]),
        ("job-control", ["hold"]),
        ("job-control", ["hold", "1;2"]),
        ("job-control", ["update", "7", "TimeLimit=1"]),
        ("job-control", ["update", "JobId=7", "UserId=0"]),
        ("job-control", ["update", "JobId=7"]),
        ("job-control", ["shutdown", "7"]),
        ("reservation", ["create", "reservation", "Nodes=x\nUsers=ana"]),
        ("reservation", ["create", "partition", "Nodes=x"]),
        ("reservation", ["update", "NodeName=x", "State=DOWN"]),
        ("reservation", ["delete", "JobId=7"]),
        ("transfer", ["sync", "/a", "/b"]),
        ("transfer", ["copy", "/a"]),
        ("transfer", ["copy", "/a", ":http,url=http://127.0.0.1/:x"]),
        ("transfer", ["copy", "/a", "relative"]),
        ("transfer", ["copy", "/a", "/b", "--rc"]),
        ("transfer", ["copy", "/a", "/b", "--config=/tmp/x"]),
        ("sbatch", ["--parsable", "script.sh"]),
        ("read", ["/etc/hostname"]),
        ("read", ["/etc/hostname", "-1", ""]),
        ("chmod", ["/tmp/x", "8"]),
        ("checksum", ["/etc/hostname", "crc"]),
        ("no-such-verb", []),
    ],
)
async def test_what_a_verb_does_not_take_is_refused(verb: str, arguments: list[str]) -> None:
    """By the worker itself, also where no helper stands before it."""
    act = Acting(DirectWay({}, PLAIN, shell=False), DirectRunner(PLAIN), Mandate(current_user()))
    with pytest.raises((Refused, NotFound)):
        await act.act(verb, arguments, timeout=10)


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        ("/usr/bin/sbatch --parsable", "sbatch"),
        ("sbatch --test-only --wrap=true --time=5", "estimate"),
        ("sbatch --parsable --test-only", "sbatch"),
        ("scontrol hold 7", "job-control"),
        ("scontrol update JobId=7 TimeLimit=5", "job-control"),
        ("scontrol create reservation Users=ana", "reservation"),
        ("scontrol update ReservationName=x Duration=5", "reservation"),
        ("scontrol delete ReservationName=x", "reservation"),
    ],
)
def test_slurms_commands_are_verbs(words: str, verb: str) -> None:
    """Those for jobs and those for reservations are told apart, because their scopes are."""
    assert verb == verb_of(words.split())


def test_every_verb_of_the_worker_has_its_scope() -> None:
    """But the two that only a hub asks for."""
    assert set(VERBS) - {"put-claim", "tail-log"} == set(SCOPES_OF)


def test_a_site_without_a_helper_serves_whoever_runs_it() -> None:
    """The shell is on where the site lets tokens hold that scope."""
    text = 'name = "x"\n[service]\nurl = "http://127.0.0.1:1"\nscopes = ["commands"]\n[systems.x]\ntitle = "x"\n'
    way = acting(read_profile(text))._way

    assert isinstance(way, DirectWay)
    assert way._site["shell"] is True
    assert Path(json.loads(json.dumps(way._site["commands"]))["sbatch"]).name == "sbatch"
