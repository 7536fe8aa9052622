"""What the facility service answers beyond the vocabulary: records that service and client share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facility.admission import JudgedReservation
from facility.models import Entitlement, Image, Partition, Qos


@dataclass(frozen=True)
class Accounts:
    """What one person may charge, and what that buys."""

    user: str
    as_of: datetime
    entitlements: tuple[Entitlement, ...]
    qos: tuple[Qos, ...]  # those that an entitlement names
    partitions: tuple[Partition, ...]
    problem: str = ""  # why this is an older answer, in words; empty when it is current


@dataclass(frozen=True)
class Reservations:
    """Reservations that have not ended, judged for one person."""

    user: str
    as_of: datetime
    reservations: tuple[JudgedReservation, ...]
    problem: str = ""  # why this is an older answer, in words; empty when it is current
    near: tuple[JudgedReservation, ...] = ()  # those that name the person and do not admit; why_not says why


@dataclass(frozen=True)
class WithheldImage:
    """An image of the catalogue that cannot be chosen."""

    image: Image
    why_not: str


@dataclass(frozen=True)
class Images:
    """The images that can run here, and those of the catalogue that cannot, with the reason."""

    user: str
    as_of: datetime
    images: tuple[Image, ...]
    withheld: tuple[WithheldImage, ...] = ()
    problem: str = ""  # why this is an older answer, in words; empty when it is current


@dataclass(frozen=True)
class Subsystem:
    """One part the service stands on."""

    name: str
    state: str  # "up", "down", or "unknown" while it has not been asked
    since: datetime
    last_error: str = ""


@dataclass(frozen=True)
class Health:
    """How the service is."""

    ok: bool
    version: str
    now: datetime
    poll_age: float | None  # seconds since the last complete look at the queue; None before the first
    subsystems: tuple[Subsystem, ...]
    serves: str = ""  # in whose name it can act: the members of a group, or one user alone


@dataclass(frozen=True)
class ApiClient:
    """A key that a person has registered, so that programs may act for that person."""

    id: str  # 13 letters and digits
    name: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None  # None: an operator registered it without an end
    networks: tuple[str, ...]  # from where tokens may be asked for, CIDR; none: from everywhere
    colour: str  # how much harm its loss could do, in the words of a Superfacility API: red, orange, green


@dataclass(frozen=True)
class LinkRequest:
    """A login that asks for its local account."""

    issuer: str
    subject: str
    described: str  # what the login says of the person; to look at, proves nothing
    expires: datetime
    code: str = ""  # good once; told to the login session alone
    assurance: tuple[str, ...] = ()  # how sure its institution is: `acr` and eduperson_assurance, as URIs
    institution: str = ""  # the home institution, where the issuer stands for several


@dataclass(frozen=True)
class LinkWish:
    """A login whose person asks an operator for the local account."""

    id: str  # a random UUID
    issuer: str
    subject: str
    described: str  # what the login says of the person; to look at, proves nothing
    assurance: tuple[str, ...]
    institution: str
    asked: datetime
    state: str  # waiting, approved or refused
    word: str = ""  # the operator's words
    decided_by: str = ""
    decided: datetime | None = None


@dataclass(frozen=True)
class LinkedLogin:
    """A login that is linked to a local account, and what that stands on."""

    issuer: str
    subject: str
    user: str
    linked: datetime | None
    linked_by: str  # the account that proved itself, or the operator
    how: str  # code, wish or operator; empty: linked before that was kept
    assurance: tuple[str, ...]  # of the login when it was linked
    institution: str


@dataclass(frozen=True)
class Standing:
    """Whether a login may still enter."""

    user: str  # the account that it is linked to; empty: to none any more
    problem: str = ""  # why that account may not be used; empty: it may


@dataclass(frozen=True)
class Token:
    """An access token as RFC 6749 section 5.1 names its parts."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the type's name, no secret
    scope: str = ""  # what it may be used for, space separated

    def __repr__(self) -> str:
        return f"Token(…, expires_in={self.expires_in})"


@dataclass(frozen=True)
class Work:
    """Something that was asked for and takes a while: a submission, a command, a change."""

    id: str  # a random UUID
    kind: str
    state: str  # new, running, completed, failed or cancelled
    result: dict[str, Any]  # what was reached so far; of a submission its "jobid"
    error: str  # why it failed, or why it is tried again; empty while there is nothing to say
    created: datetime
    updated: datetime

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in {"completed", "failed", "cancelled"}


@dataclass(frozen=True)
class TransferPlace:
    """A place in a tier."""

    tier: str
    path: str  # absolute, as the tier's own side has it


@dataclass(frozen=True)
class Transfer:
    """Data on its way from one tier to another."""

    id: str  # a random UUID
    user: str
    label: str
    source: TransferPlace
    destination: TransferPlace
    verify: bool  # both sides are read again at the end and compared
    engine: str  # "rclone" or "globus"
    state: str  # ACTIVE, SUCCEEDED, FAILED or CANCELED, as the Superfacility API and Globus say
    reason: str  # why it failed, or why it is tried again; empty while there is nothing to say
    bytes_transferred: int
    bytes_total: int | None  # as far as it is known yet
    files_transferred: int
    files_total: int | None
    files_verified: int | None  # None: not asked for, or not done yet
    skipped: tuple[str, ...]  # what is neither file, directory nor link, and was left out; the first twenty
    bytes_per_second: float  # now, and once it has ended over the whole time
    attempts: int
    requested: datetime
    completed: datetime | None  # None while it is active

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state != "ACTIVE"
