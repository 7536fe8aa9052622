"""What the hub means to run, written down before sbatch: the one record that survives a killed hub.

JupyterHub stores a spawner's state only after `start()` returned; a job submitted before that would be lost with the
hub process. One SQLite file, 0600, owned by one hub process at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

from facility.errors import FacilityError
from facility.models import Job, JobRequest
from spawners.database import Database, Write
from spawners.presets import Presets
from spawners.recent import Recent
from spawners.waits import WaitHistory

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS intents (
    nonce TEXT PRIMARY KEY, user TEXT NOT NULL, server TEXT NOT NULL, request TEXT NOT NULL, planned REAL NOT NULL,
    secret_hash TEXT NOT NULL DEFAULT '', job_id TEXT NOT NULL DEFAULT '', host TEXT NOT NULL DEFAULT '',
    port INTEGER NOT NULL DEFAULT 0, restarts INTEGER NOT NULL DEFAULT -1, claimant_hash TEXT NOT NULL DEFAULT '',
    stopping INTEGER NOT NULL DEFAULT 0, closed REAL, outcome TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '', system TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX IF NOT EXISTS one_open_intent_a_server ON intents (user, server) WHERE closed IS NULL;
"""

_ADDED = ("kind", "remedy", "hint", "system")
"""Columns that a store of an earlier version lacks; text, empty by default, so that an earlier version reads on."""

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""What is raised by a row that holds something else than this version writes."""

UNTOLD = JobRequest("", "", "", timedelta(0))
"""What was asked for, where nobody can tell."""

KEPT = timedelta(days=90)
"""How long an intent that ended is kept: as long as a job of its may turn up, or somebody may ask."""


class StoreInUse(FacilityError):
    """Another hub process holds this store; two would submit twice."""


@dataclass(frozen=True)
class Intent:
    """One server somebody asked for, from the wish to the job's end."""

    nonce: str  # rides in the job's name and comment; no secret
    user: str
    server: str  # JupyterHub's server name, empty for the default one
    request: JobRequest
    planned: datetime
    secret_hash: str = ""  # of the secret by which the job proves itself
    job_id: str = ""  # empty until sbatch's answer is known
    host: str = ""  # empty until the job claimed
    port: int = 0
    restarts: int = -1  # Slurm's restart count at the last claim; -1 before the first
    claimant_hash: str = ""  # of the random word of the process that claimed; only that process may ask again
    stopping: bool = False  # a person asked to stop; the job is cancelled until Slurm confirms
    hint: str = ""  # what the job itself said of its end ("walltime"), or what the hub did to it; names the end later
    system: str = ""  # on which the job is; the same job ids are given on each

    @property
    def is_claimed(self) -> bool:
        """Whether the job proved itself and told where its server listens."""
        return bool(self.port)

    @property
    def is_taken_over(self) -> bool:
        """Whether the stock spawner started it: no job of ours, so none that claims."""
        return self.is_claimed and not self.claimant_hash

    def is_run_of(self, job: Job) -> bool:
        """Whether what runs of the job now is what claimed, and not what a requeue began; see is_taken_over."""
        return self.is_taken_over or job.restarts == self.restarts


@dataclass(frozen=True)
class Ended:
    """How a server ended, for the person who comes back to it."""

    job_id: str  # empty where none was submitted
    kind: str  # of spawners.start.endings.Kind; empty for ends that an earlier version wrote
    words: str
    remedy: str
    when: datetime


@dataclass(frozen=True)
class FailedStart:
    """A start that ended before its server was there, though nobody stopped it; for operators."""

    user: str
    server: str
    job_id: str  # empty where none was submitted
    words: str
    when: datetime


def digest(secret: str) -> str:
    """What is stored of a secret. Our secrets are 256 random bits, so one SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored: str) -> bool:
    """Whether `secret` is the one whose digest is stored; takes the same time for every wrong one."""
    return bool(stored) and hmac.compare_digest(digest(secret), stored)


class IntentStore:
    """The hub's intents. Every method commits before it returns.

    A wish is on the disk before its job is handed in (`renew_secret`), a claim before it is answered. What needs no
    such wait is only jotted down: a wish without a job, and a job's id, which is found again by the nonce.

    Raises StoreInUse when another process holds the file.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise StoreInUse(f"{path} is held by another hub process: stop that one, or set HubDesk.folder") from error
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # sqlite3 itself would make it world-readable
        self._database: Database = sqlite3.connect(path, isolation_level=None, factory=Database)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)
        known = {row["name"] for row in self._database.execute("PRAGMA table_info(intents)")}
        for column in set(_ADDED) - known:
            self._database.execute(f"ALTER TABLE intents ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
        self._database.execute("INSERT OR IGNORE INTO meta VALUES ('hub_id', ?)", (secrets.token_hex(4),))
        self._database.execute("DELETE FROM intents WHERE closed < ?", ((datetime.now(UTC) - KEPT).timestamp(),))
        self._waits: dict[str, WaitHistory] = {}
        self._recent = Recent(self._database)
        self.presets = Presets(self._database)
        self.hub_id: str = self._database.execute("SELECT value FROM meta WHERE key = 'hub_id'").fetchone()[0]

    def close(self) -> None:
        """Give the file back; another process may open it."""
        self._database.close()
        os.close(self._lock)

    def waits_of(self, system: str) -> WaitHistory:
        """How long jobs of this hub waited on one system."""
        return self._waits.setdefault(system, WaitHistory(self._database, system))

    def name_system(self, system: str) -> None:
        """Say on which system everything is that a version wrote which knew of one only."""
        self._database.execute("UPDATE intents SET system = ? WHERE system = ''", (system,))
        self._recent.forget_all()
        self.waits_of(system).take_over()

    def plan(self, user: str, server: str, request: JobRequest, system: str = "") -> Intent:
        """Write down that this person wants this server there; returns the open intent where there is one already."""
        if (found := self.open_one(user, server)) is not None:
            return found
        self._database.jot(
            "INSERT INTO intents (nonce, user, server, request, planned, system) VALUES (?, ?, ?, ?, ?, ?)",
            (secrets.token_hex(10), user, server, _request_text(request), datetime.now(UTC).timestamp(), system),
        )
        self._recent.forget((user, server))
        return self._must(self.open_one(user, server))

    def take_over(self, intent: Intent) -> None:
        """Write down a server that runs already, in a job that nobody may claim; there is no open intent for it."""
        known = (intent.nonce, intent.user, intent.server, _request_text(intent.request), intent.planned.timestamp())
        self._database.execute(
            "INSERT INTO intents (nonce, user, server, request, planned, system, job_id, host, port)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*known, intent.system, intent.job_id, intent.host, intent.port),
        )
        self._recent.forget(intent.nonce, (intent.user, intent.server))

    def open_one(self, user: str, server: str) -> Intent | None:
        """The intent of this server that has not ended, if any."""
        query = "SELECT * FROM intents WHERE user = ? AND server = ? AND closed IS NULL"
        return self._recent.ask((user, server), lambda: next(self._rows(query, user, server), None))

    def by_nonce(self, nonce: str) -> Intent | None:
        """The open intent with this nonce, if any."""
        query = "SELECT * FROM intents WHERE nonce = ? AND closed IS NULL"
        return self._recent.ask(nonce, lambda: next(self._rows(query, nonce), None))

    def is_known(self, nonce: str) -> bool:
        """Whether this nonce was ever ours, also when its intent has ended."""
        return self._database.execute("SELECT 1 FROM intents WHERE nonce = ?", (nonce,)).fetchone() is not None

    def all_open(self) -> list[Intent]:
        """Every intent that has not ended, oldest first."""
        return list(self._rows("SELECT * FROM intents WHERE closed IS NULL ORDER BY planned"))

    def _rows(self, query: str, *values: str) -> Iterator[Intent]:
        for row in self._database.execute(query, values).fetchall():
            try:
                yield _intent(row)
            except UNREADABLE:  # one row that is damaged, or of another version, hides no other
                try:
                    yield _without_request(row)
                except UNREADABLE:
                    self.end(row["nonce"], "unreadable: damaged, or written by another version of beamside")

    def renew_secret(self, nonce: str) -> str:
        """A fresh secret for a job that is about to be submitted; only its digest is kept here.

        From here on the intent is on the disk too.
        """
        secret = secrets.token_urlsafe(32)
        self._set(nonce, secret_hash=digest(secret))
        return secret

    def submitted(self, nonce: str, job_id: str) -> Intent:
        """Write down which job runs this intent."""
        return self._set(nonce, self._database.jot, job_id=job_id)

    def claimed(self, nonce: str, *, host: str, port: int, restarts: int, claimant: str) -> Intent:
        """Write down where the server listens, and who said so; what a former run of the job said counts no more."""
        return self._set(nonce, host=host, port=port, restarts=restarts, claimant_hash=digest(claimant), hint="")

    def stop(self, nonce: str) -> Intent:
        """Write down that a person wants this job gone, so that a restarted hub goes on cancelling it."""
        return self._set(nonce, stopping=1)

    def note(self, nonce: str, hint: str) -> Intent:
        """Write down what will explain the job's end; see Intent.hint."""
        return self._set(nonce, hint=hint)

    def end(self, nonce: str, outcome: str, *, kind: str = "", remedy: str = "") -> bool:
        """The job is gone, or none was submitted; `outcome` says why and `remedy` what to do, in words.

        Returns whether this call ended it: of two that notice the same end one is the first.
        """
        changed = self._database.execute(
            "UPDATE intents SET closed = ?, outcome = ?, kind = ?, remedy = ?, secret_hash = '', claimant_hash = '' "
            "WHERE nonce = ? AND closed IS NULL",
            (datetime.now(UTC).timestamp(), outcome, kind, remedy, nonce),
        )
        self._forget(nonce)
        return changed.rowcount == 1

    def last_end(self, user: str, server: str) -> Ended | None:
        """How this server ended last; None where it never did, or where it was asked for again since."""
        row = self._database.execute(
            "SELECT * FROM intents WHERE user = ? AND server = ? ORDER BY closed IS NULL DESC, closed DESC LIMIT 1",
            (user, server),
        ).fetchone()
        if row is None or row["closed"] is None:
            return None
        when = datetime.fromtimestamp(row["closed"], UTC)
        return Ended(row["job_id"], row["kind"], row["outcome"], row["remedy"], when)

    def failed_starts(self, since: datetime, most: int) -> list[FailedStart]:
        """Starts that failed after `since`, the newest first, `most` at most."""
        query = (
            "SELECT user, server, job_id, outcome, closed FROM intents"
            " WHERE closed >= ? AND port = 0 AND stopping = 0 ORDER BY closed DESC LIMIT ?"
        )
        rows = self._database.execute(query, (since.timestamp(), most)).fetchall()
        return [
            FailedStart(user, server, job_id, words, datetime.fromtimestamp(closed, UTC))
            for user, server, job_id, words, closed in rows
        ]

    def _set(self, nonce: str, write: Write | None = None, **values: str | int) -> Intent:
        names = ", ".join(f"{name} = ?" for name in values)  # names are this module's own, never from outside
        (write or self._database.execute)(
            f"UPDATE intents SET {names} WHERE nonce = ? AND closed IS NULL",  # noqa: S608 - see the line above
            (*values.values(), nonce),
        )
        self._forget(nonce)
        return self._must(self.by_nonce(nonce))

    def _forget(self, nonce: str) -> None:
        whose = self._database.execute("SELECT user, server FROM intents WHERE nonce = ?", (nonce,)).fetchone()
        self._recent.forget(nonce, *(() if whose is None else [tuple(whose)]))

    @staticmethod
    def _must(intent: Intent | None) -> Intent:
        if intent is None:
            raise FacilityError("this server's intent ended meanwhile; start the server again")
        return intent


def _request_text(request: JobRequest) -> str:
    return json.dumps({**asdict(request), "walltime": request.walltime.total_seconds()})


def _intent(row: sqlite3.Row) -> Intent:
    known = {field.name for field in fields(JobRequest)}
    asked = {key: value for key, value in json.loads(row["request"]).items() if key in known}
    asked["walltime"] = timedelta(seconds=asked["walltime"])
    return _with_request(row, JobRequest(**asked))


def _without_request(row: sqlite3.Row) -> Intent:
    """A server whose job is known is kept though nobody can read any more what was asked for."""
    if not row["job_id"]:
        raise ValueError("it cannot be told what to submit")
    return _with_request(row, UNTOLD)


def _with_request(row: sqlite3.Row, request: JobRequest) -> Intent:
    own = {field.name: row[field.name] for field in fields(Intent)}
    own |= {
        "request": request,
        "planned": datetime.fromtimestamp(row["planned"], UTC),
        "stopping": bool(row["stopping"]),
    }
    return Intent(**own)
