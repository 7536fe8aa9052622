"""facility.toml: the facts of one site in one file, read once at start. An unknown key is an error."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from facility.errors import ProfileError
from facility.image_facts import Container, ImageCatalogue, ImageFact, Runtime
from facility.login import LoginFacts
from facility.service.scopes import DEFAULT_CEILING, PERSONAL

VARIABLE = "BEAMSIDE_PROFILE"
"""The environment variable that holds the path of facility.toml."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,62}$")]

JOBQUEUE = "jobqueue."
"""How the name of a cluster profile begins that the user's own dask.config holds, not the site."""

CONSTRAINT = r"^[A-Za-z0-9_.\-&|*()\[\]]{1,200}$"
"""Features of nodes as sbatch(1), --constraint, combines them."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Commands(_Facts):
    """The scheduler's commands; a bare name is looked up in PATH. Replace one to put something in its place."""

    sbatch: str = "sbatch"
    squeue: str = "squeue"
    scancel: str = "scancel"
    scontrol: str = "scontrol"
    sinfo: str = "sinfo"
    sacct: str = "sacct"
    sacctmgr: str = "sacctmgr"
    srun: str = "srun"
    sshare: str = "sshare"
    sbcast: str = "sbcast"


class Words(_Facts):
    """What the site calls a partition or QOS on the form, laid over what the scheduler knows."""

    title: str = ""
    description: str = ""
    hidden: bool = False


class PartitionWords(Words):
    """The same of a partition."""

    no_queue: bool = False  # many jobs share its nodes, so that nobody waits (OverSubscribe=FORCE in slurm.conf)


class Choices(_Facts):
    """What a starter fills into the spawn form; what is left out is the person's default."""

    reservation: str = ""
    account: str = ""
    qos: str = ""
    partition: str = ""
    image: str = ""
    nodes: int | None = Field(None, ge=1)
    cpus_per_node: int | None = Field(None, ge=1)
    memory_gb: int | None = Field(None, ge=1)
    gpus_per_node: int | None = Field(None, ge=0)
    walltime: str = Field("", pattern=r"^([0-9]+(:[0-9]{2})?)?$")  # hours:minutes, or minutes


class Starter(_Facts):
    """A server that the site offers ready made: one press on the spawn form starts it."""

    name: Name
    title: str
    description: str = ""
    choices: Choices


class ClusterProfile(_Facts):
    """Named defaults for Dask clusters, `MPICluster(profile=NAME)`; what is left out is the user's own default."""

    title: str = ""
    description: str = ""
    nodes: int | None = Field(None, ge=1)  # of each block
    ranks_per_node: int | None = Field(None, ge=1)
    threads_per_rank: int | None = Field(None, ge=1)
    memory_per_rank: str | None = Field(None, pattern=r"^[0-9]+(\.[0-9]+)? ?[KMGT]i?B$")  # e.g. "4 GiB"
    gpus_per_rank: int | None = Field(None, ge=0)
    blocks: int | None = Field(None, ge=1)
    qos: Name | None = None
    partition: Name | None = None
    account: Name | None = None
    reservation: Name | None = None
    constraint: str | None = Field(None, pattern=CONSTRAINT)
    image: str | None = None  # as the catalogue names it, e.g. "shifter:docker:site/mpi:1.0"
    packed_environment: str | None = Field(None, pattern=r"^[/~]")  # the archive of the ranks' Python
    mpi: bool | None = None  # whether the workers are ranks
    walltime: str | None = Field(None, pattern=r"^[0-9]+:[0-9]{2}$")  # hours:minutes


class System(_Facts):
    """One machine with one scheduler."""

    title: str
    aliases: tuple[Name, ...] = ()  # what programs may call it besides, e.g. "perlmutter" where a client knows no other
    scheduler: Literal["slurm", "none"] = "slurm"  # "none": a laptop; clusters are processes of their user
    slurm_conf: str = ""  # empty: Slurm's own default place
    commands: Commands = Commands()
    default_partition: Name = "main"
    default_walltime_minutes: int = Field(60, ge=1)
    max_walltime_minutes: int = Field(12 * 60, ge=1)
    realtime_qos: Name = "realtime"
    mpi_launch: Literal["pmi2", "pmix", "cray_shasta"] = "pmi2"
    mpi_prologue: tuple[str, ...] = ()  # the operator's shell lines that select an MPI, e.g. "module load mpich"
    network_interface: str = ""  # Dask listens here; empty: the address of the node's own host name
    sends_mail: bool = False  # the scheduler's mail reaches people, so the form may offer one at a job's start
    scratch: str = "/tmp/{user}"  # noqa: S108 - a site replaces it; "{user}" is the only field
    partitions: dict[Name, PartitionWords] = {}
    qos: dict[Name, Words] = {}
    images: tuple[ImageFact, ...] = (ImageFact(name="none", driver="none", title="No container"),)
    image_catalogues: tuple[ImageCatalogue, ...] = ()
    containers: dict[Runtime, Container] = {}  # runtimes that the nodes have; images of others are listed and withheld
    starters: tuple[Starter, ...] = ()
    cluster_profiles: dict[Name, ClusterProfile] = {}

    @model_validator(mode="after")
    def _whole(self) -> System:
        names = [starter.name for starter in self.starters]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"there are two starters of the name {min(twice)}")
        storages = [catalogue for catalogue in self.image_catalogues if catalogue.storage]
        if "charliecloud" in self.containers and len(storages) != 1:
            raise ValueError("containers.charliecloud: one image_catalogues of that driver says where its images lie")
        if reserved := [name for name in self.cluster_profiles if name.startswith(JOBQUEUE)]:
            raise ValueError(f"cluster_profiles.{reserved[0]}: {JOBQUEUE}NAME is a section of dask-jobqueue's yaml")
        return self

    @property
    def charliecloud_storage(self) -> str:
        """Where Charliecloud's images lie; empty where there are none."""
        return next((catalogue.storage for catalogue in self.image_catalogues if catalogue.storage), "")


class Callbacks(_Facts):
    """Where callbacks may go. Without any of these: over https to public addresses, and no e-mail."""

    http: bool = False  # also without TLS
    allowed: tuple[str, ...] = ()  # hosts by name, or networks, that need not be public, e.g. ["10.1.0.0/16"]
    sendmail: tuple[str, ...] = ()  # argv that takes a message, e.g. ["/usr/sbin/sendmail", "-i"]; empty: no e-mail
    mail_domain: str = ""  # e-mail goes to NAME@DOMAIN; empty: to the local account NAME


class Tier(_Facts):
    """A named place for data: a directory of each person's, here or at another site."""

    title: str = ""
    path: str = Field(pattern=r"^/")  # "{user}" stands for the person
    remote: str = Field("", pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,62})?$")  # in rclone.conf; empty: this machine
    globus: str = Field("", pattern=r"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$")  # its collection
    engine: Literal["rclone", "globus"] = "rclone"  # what reaches it

    @model_validator(mode="after")
    def _whole(self) -> Tier:
        if self.engine == "globus" and (self.remote or not self.globus):
            raise ValueError("a tier that only Globus reaches has a collection in `globus`, and no remote")
        return self


class Service(_Facts):
    """Where the facility service answers and how it judges logins."""

    url: str  # e.g. "http://127.0.0.1:8400"
    audience: str = "facility"
    issuer: str = ""  # the OIDC issuer whose logins are known here
    client_ids: tuple[str, ...] = ()  # audiences of that issuer's ID tokens that may be exchanged
    login: LoginFacts = LoginFacts()  # what is asked of a sign-in
    issuer_audience: str = ""  # the `aud` of that issuer's access tokens that are accepted here; empty: none are
    identity_url: str = ""  # where identity answers when it runs by itself; empty: at `url`
    scopes: tuple[str, ...] = DEFAULT_CEILING  # what people's tokens may hold at this site
    client_days: int = Field(60, ge=1, le=730)  # the longest life of a key that a person registers
    link_socket: str = ""  # Unix socket of `beamside link`; empty: link.sock in identity's state directory
    proxies: tuple[str, ...] = ()  # addresses whose X-Forwarded-For is believed
    database: str = ""  # empty: a SQLite file in the state directory; else e.g. "postgresql:///beamside"
    outages_file: str = ""  # TOML with planned outages; empty: none
    identity_database: str = ""  # likewise, of logins and clients
    rclone: str = "rclone"  # 1.63 or later; a bare name is looked up beside Python and in PATH
    rclone_config: str = ""  # rclone.conf with the remotes of tiers, readable by everybody; empty: there are none
    globus_tokens: str = ""  # path of a person's token of Globus Transfer, with {user} in it; empty: no Globus
    poll_seconds: float = Field(4.0, ge=2.0)  # a wish: never more than half a scheduler RPC a second are made
    callbacks: Callbacks = Callbacks()

    @field_validator("scopes")
    @classmethod
    def _personal(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := set(found) - PERSONAL:
            raise ValueError(f"{min(wrong)} is no scope of a person's token; there are {' '.join(sorted(PERSONAL))}")
        return found

    @property
    def token_issuer(self) -> str:
        """Where identity answers, which is also the `iss` of its tokens."""
        return (self.identity_url or self.url).rstrip("/")

    @property
    def ceiling(self) -> frozenset[str]:
        """The scopes that people's tokens may hold at this site."""
        return frozenset(self.scopes)


class AsUser(_Facts):
    """How the service users become the target user. Rootless: leave it out, everything runs as the one user."""

    helper: tuple[str, ...]  # argv, e.g. ["sudo", "-n", "/opt/beamside/libexec/as-user"]
    group: str  # only members of this group may be acted for
    min_uid: int = Field(1000, ge=1000)


class Profile(_Facts):
    """Everything beamside must know of a site."""

    name: str
    service: Service
    systems: dict[Name, System]
    as_user: AsUser | None = None
    tiers: dict[Name, Tier] = {}

    @property
    def system_name(self) -> str:
        """The first system of the file: the one a user gets who names none."""
        return next(iter(self.systems))

    @property
    def system(self) -> System:
        """The facts of `system_name`."""
        return self.systems[self.system_name]


def read_profile(text: str, where: str = "facility.toml") -> Profile:
    """Turn the text of a facility.toml into a Profile.

    Raises ProfileError naming the key and what it should be.
    """
    try:
        profile = Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{where} is not TOML: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ProfileError(f"{where}: {wrong}. The keys are described in docs/reference/facility.md.") from error
    if not profile.systems:
        raise ProfileError(f"{where}: systems: name at least one, e.g. [systems.perlmutter]")
    return profile


def load_profile(path: str | Path | None = None) -> Profile:
    """Read the profile at `path`, by default the one that BEAMSIDE_PROFILE names.

    Raises ProfileError when there is none, or when it is wrong.
    """
    found = path or os.environ.get(VARIABLE)
    if not found:
        raise ProfileError(f"no facility profile: set {VARIABLE} to the path of facility.toml")
    try:
        text = Path(found).read_text(encoding="utf-8")
    except OSError as error:
        raise ProfileError(f"{found} cannot be read: {error.strerror}; {VARIABLE} names facility.toml") from error
    return read_profile(text, str(found))
