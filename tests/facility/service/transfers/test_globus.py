"""The Globus engine: the real SDK before its own canned answers, and before a loopback server of the published API."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps, loads
from pathlib import Path

import pytest
import responses
from globus_sdk.testing import get_last_request, load_response

from facility.errors import NotAllowed, NotSignedIn, Refused, Unreachable
from facility.profile import Tier
from facility.service.caller import Mandate
from facility.service.transfers.engines import Globus, Order, Reached
from facility.service.transfers.tiers import Spot
from facility.testing import FakeClock

HERE, THERE = "ddb59aef-6d04-11e5-ba46-22000b92c6ec", "ddb59af0-6d04-11e5-ba46-22000b92c6ec"
TASK = "f51bdaea-ad78-11ea-b3f7-0a7b5d9e2f4c"


@dataclass
class Contract:
    """NOT Globus: what its published API says of a transfer task, and nothing more."""

    status: list[str] = field(default_factory=lambda: ["ACTIVE", "SUCCEEDED"])
    submitted: list[dict[str, object]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    cancelled: bool = False
    refuses: int = 0  # an HTTP status

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, dict[str, object]]:
        """One exchange."""
        self.tokens.add(token)
        if self.refuses:
            return self.refuses, {"code": "PermissionDenied", "message": "not yours", "request_id": "r"}
        match method, path.rpartition("/")[2]:
            case "GET", "submission_id":
                return 200, {"DATA_TYPE": "submission_id", "value": "sub-1"}
            case "POST", "transfer":
                self.submitted.append(loads(body))
                return 202, {"DATA_TYPE": "transfer_result", "task_id": TASK, "code": "Accepted", "message": ""}
            case "POST", "cancel":
                self.cancelled = True
                return 200, {"DATA_TYPE": "result", "code": "Canceled", "message": ""}
        status = self.status.pop(0) if len(self.status) > 1 else self.status[0]
        figures = {"bytes_transferred": 4096, "effective_bytes_per_second": 512, "files": 3, "files_transferred": 3}
        return 200, {"DATA_TYPE": "task", "task_id": TASK, "status": status, "fatal_error": None, **figures,
                     "nice_status_short_description": "no such file"}  # fmt: skip


@pytest.fixture
def contract(monkeypatch: pytest.MonkeyPatch) -> Iterator[Contract]:
    """The loopback server, to which the SDK is pointed by its own variable."""
    contract = Contract()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, told = contract.answer(self.command, self.path, body, self.headers["Authorization"])
            data = dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_TRANSFER", f"http://127.0.0.1:{server.server_port}/")
    yield contract
    server.shutdown()
    server.server_close()
    serving.join()


@pytest.fixture
def tokens(tmp_path: Path) -> str:
    """Ana has a token."""
    (tmp_path / "ana").write_text("anas-token\n")
    (tmp_path / "ana").chmod(0o600)
    return f"{tmp_path}/{{user}}"


ORDER = Order(
    Mandate("ana"),
    Spot(Tier(path="/", globus=HERE), "scratch", "/scan"),
    Spot(Tier(path="/", globus=THERE), "partner", "/kept/scan"),
    "tonight",
    verify=True,
    reached=Reached(),
    attempt=1,
)


async def carry(engine: Globus, clock: FakeClock, order: Order = ORDER) -> tuple[Reached, list[Reached]]:
    """What it reached at last, and what it told meanwhile."""
    told: list[Reached] = []

    async def report(reached: Reached) -> None:
        told.append(reached)

    carrying = asyncio.create_task(engine.carry(order, report))
    while not carrying.done():
        await clock.advance(5)
        await asyncio.wait({carrying}, timeout=0.02)
    return await carrying, told


async def test_a_task_is_followed_to_its_end_in_the_persons_own_name(contract: Contract, tokens: str) -> None:
    """With checksums; where it will be found is stored before it is submitted."""
    reached, told = await carry(Globus(tokens, clock := FakeClock()), clock)

    sent = contract.submitted[0]
    assert ("sub-1", HERE, THERE, True) == (
        sent["submission_id"], sent["source_endpoint"], sent["destination_endpoint"], sent["verify_checksum"]
    )  # fmt: skip
    assert {"Bearer anas-token"} == contract.tokens
    assert ("sub-1", f"sub-1/{TASK}") == (told[0].engine_id, reached.engine_id)
    assert (4096, 3, 512.0) == (reached.bytes_done, reached.files_done, reached.bytes_per_second)


async def test_a_task_that_was_submitted_is_not_submitted_again(contract: Contract, tokens: str) -> None:
    """After a restart it is found by its id."""
    known = replace(ORDER, reached=Reached(engine_id=f"sub-1/{TASK}"))
    await carry(Globus(tokens, clock := FakeClock()), clock, known)

    assert [] == contract.submitted


async def test_a_submission_whose_answer_was_lost_is_made_with_the_same_id(contract: Contract, tokens: str) -> None:
    """Globus takes a submission id once."""
    known = replace(ORDER, reached=Reached(engine_id="sub-0"))
    await carry(Globus(tokens, clock := FakeClock()), clock, known)

    assert ["sub-0"] == [sent["submission_id"] for sent in contract.submitted]


async def test_a_failed_task_fails_in_globuss_words(contract: Contract, tokens: str) -> None:
    """With the task's id, by which Globus's own pages tell more."""
    contract.status = ["FAILED"]
    with pytest.raises(Refused, match=f"no such file .task {TASK}"):
        await carry(Globus(tokens, clock := FakeClock()), clock)


@pytest.mark.parametrize(("status", "kind"), [(401, NotSignedIn), (403, NotAllowed), (500, Unreachable)])
async def test_what_globus_answers_becomes_our_error(
    contract: Contract, tokens: str, status: int, kind: type[Exception]
) -> None:
    """Only what may pass is tried again."""
    contract.refuses = status
    with pytest.raises(kind, match=f"Globus answered {status}"):
        await carry(Globus(tokens, clock := FakeClock()), clock)


async def test_a_token_that_others_can_read_is_not_used(contract: Contract, tokens: str, tmp_path: Path) -> None:
    """Nor is somebody without one served in another's name."""
    (tmp_path / "ana").chmod(0o640)
    with pytest.raises(Refused, match="0600"):
        await carry(Globus(tokens, clock := FakeClock()), clock)
    with pytest.raises(NotSignedIn, match="no Globus token of ben"):
        await carry(Globus(tokens, clock), clock, replace(ORDER, mandate=Mandate("ben")))

    assert set() == contract.tokens


async def test_a_cancelled_task_is_cancelled_at_globus(contract: Contract, tokens: str) -> None:
    """One that was never submitted needs no question."""
    engine = Globus(tokens, FakeClock())
    await engine.cancel(ORDER)
    assert not contract.cancelled
    await engine.cancel(replace(ORDER, reached=Reached(engine_id=f"sub-1/{TASK}")))

    assert contract.cancelled


@responses.activate
async def test_the_sdks_own_canned_answers_are_understood(tokens: str) -> None:
    """The documents that globus_sdk.testing keeps of submitting and cancelling."""
    task = load_response("transfer.submit_transfer").metadata["task_id"]
    load_response("transfer.get_submission_id")
    failed = {"status": "FAILED", "bytes_transferred": 0}
    responses.get(re.compile(f"https://.*/task/{task}$"), json=failed)
    with pytest.raises(Refused, match=task):
        await carry(Globus(tokens, clock := FakeClock()), clock)
    cancelled = load_response("transfer.cancel_task").metadata["task_id"]
    await Globus(tokens, clock).cancel(replace(ORDER, reached=Reached(engine_id=f"s/{cancelled}")))

    assert f"/task/{cancelled}/cancel" in get_last_request().url
