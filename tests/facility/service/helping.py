"""Calling helper and worker as a program in any language could: frames on standard input, frames back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import pwd
import secrets
import struct
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from facility.service.as_user import helper as as_user_helper

HEAD = struct.Struct(">cI")
END = HEAD.pack(b".", 0)


def frame(kind: bytes, data: bytes) -> bytes:
    """One frame."""
    return HEAD.pack(kind, len(data)) + data


@dataclass(frozen=True)
class Said:
    """What came back: what was printed, the last word, and how the process ended."""

    out: bytes
    err: bytes
    last: dict[str, object] | None  # None where the frames broke off
    returncode: int
    words: str

    @classmethod
    def of(cls, done: subprocess.CompletedProcess[bytes]) -> Said:
        """Read the frames."""
        found, data, last = {b"o": b"", b"e": b""}, done.stdout, None
        while data:
            kind, length = HEAD.unpack(data[:5])
            piece, data = data[5 : 5 + length], data[5 + length :]
            if kind == b".":
                last = json.loads(piece)
            else:
                found[kind] += piece
        return cls(found[b"o"], found[b"e"], last, done.returncode, done.stderr.decode().strip())


@dataclass
class Helper:
    """An installed helper and people to act for."""

    path: Path
    ana: pwd.struct_passwd
    service_user: str
    key: bytes = b""
    caller: str = ""  # the account that sudo would name; empty: root itself
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": os.defpath, "SECRET": "of the service"})

    def request(self, stdin: bytes = b"", **different: object) -> dict[str, object]:
        """A request of ana's."""
        digest = hashlib.sha256(stdin).hexdigest() if stdin else ""
        request = {"user": self.ana.pw_name, "verb": "sbatch", "arguments": [], "input": digest, "timeout": 10.0}
        return request | {"grant": ""} | different

    def call(self, stdin: bytes = b"", **different: object) -> Said:
        """One request, with a descriptor left open as a careless caller would."""
        request = self.request(stdin, **different)
        if self.key and "grant" not in different:
            request["grant"] = self.grant(request)
        return self.send(frame(b"r", json.dumps(request).encode()) + (frame(b"i", stdin) if stdin else b"") + END)

    def send(self, raw: bytes) -> Said:
        """Anything at all on standard input, which stays open until the answer is whole."""
        uid = {"SUDO_UID": str(pwd.getpwnam(self.caller).pw_uid)} if self.caller else {}
        leak = os.open("/etc/hostname", os.O_RDONLY)
        try:
            with subprocess.Popen(
                [str(self.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[leak],
                env=self.environment | uid,
            ) as process:
                assert process.stdin and process.stdout and process.stderr
                try:
                    process.stdin.write(raw)
                    process.stdin.flush()
                except BrokenPipeError:
                    pass  # refused before everything was read
                out, err = process.stdout.read(), process.stderr.read()
                return Said.of(subprocess.CompletedProcess([], process.wait(60), out, err))
        finally:
            os.close(leak)

    def act(self, stdin: bytes = b"", **different: object) -> tuple[int, bytes, bytes]:
        """A request that is granted and done: status, output and errors of it."""
        said = self.call(stdin, **different)
        assert said.last and "returncode" in said.last, (said.last, said.words)
        return said.last["returncode"], said.out, said.err

    def refusal(self, stdin: bytes = b"", **different: object) -> str:
        """A request that the helper refuses: why. Nobody was become by then."""
        said = self.call(stdin, **different)
        assert (as_user_helper.REFUSED, b"", None) == (said.returncode, said.out, said.last)
        return said.words

    def problem(self, stdin: bytes = b"", **different: object) -> tuple[str, str]:
        """A request that the worker refuses, as the person: the kind, and why."""
        said = self.call(stdin, **different)
        assert said.last and "refused" in said.last, (said.last, said.words)
        return str(said.last["refused"]), str(said.last["words"])

    def grant(self, request: dict[str, object], **different: object) -> str:
        """A grant for a request, as identity would make it, with what a test wants to be different."""
        payload = {
            "user": request["user"],
            "uid": self.ana.pw_uid,
            "verb": request["verb"],
            "digest": digest_of([*request["arguments"], request["input"]]),
            "exp": int(time.time()) + 60,
            "jti": secrets.token_hex(16),
        }
        return sign(self.key, payload | different)


def digest_of(arguments: list[str]) -> str:
    """SHA-256 of canonical JSON."""
    return hashlib.sha256(json.dumps(arguments, separators=(",", ":")).encode()).hexdigest()


def sign(key: bytes, payload: dict[str, object], kind: str = "") -> str:
    """base64url(payload) "." base64url(HMAC-SHA256 of `kind` and the first part), without padding."""
    body = _base64url(json.dumps(payload).encode())
    return f"{body}.{_base64url(hmac.new(key, f'{kind}{body}'.encode(), hashlib.sha256).digest())}"


def statement(key: bytes, **different: object) -> str:
    """What the root helper says of closed accounts, now and of none, with what a test wants to be different."""
    return sign(key, {"at": int(time.time()), "closed": {}} | different, "closed.")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
