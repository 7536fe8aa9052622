"""The hub's routes: ours are there once, the stock callback is closed, and what a claim may look like."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import batchspawner.api
import pytest
from jupyterhub import apihandlers
from tornado.web import HTTPError

from facility.models import JobRequest
from hub_ext.claim import Claim, ClaimHandler, read_claim
from hub_ext.routes import STOCK_ROUTE, ClosedHandler, close_stock_route, routes
from spawners.intents import Intent, digest

GOOD = {"job_id": "7", "restarts": 0, "nonce": "n" * 20, "secret": "s" * 43, "port": 40000, "claimant": "c" * 32}


def test_exactly_one_handler_owns_the_stock_route_and_it_is_ours() -> None:
    """Whoever imported the stock spawner, after the hub's start only our refusal answers there."""
    handlers = [(STOCK_ROUTE, batchspawner.api.BatchSpawnerAPIHandler), *apihandlers.default_handlers]

    close_stock_route(handlers)

    owners = [handler[1] for handler in [*handlers, *routes()] if handler[0] == STOCK_ROUTE]
    assert [ClosedHandler] == owners


def test_the_hubs_own_list_is_cleaned() -> None:
    """Without an argument the list is the hub's own."""
    known = list(apihandlers.default_handlers)
    try:
        close_stock_route()

        assert STOCK_ROUTE not in {handler[0] for handler in apihandlers.default_handlers}
    finally:
        apihandlers.default_handlers[:] = known


def test_a_claim_is_read_as_it_is_sent() -> None:
    """A job's body becomes a Claim."""
    assert Claim("7", 0, "n" * 20, "s" * 43, 40000, "c" * 32) == read_claim(json.dumps(GOOD).encode())


@pytest.mark.parametrize(
    "changed",
    [
        {"job_id": 7}, {"job_id": "7; id"}, {"job_id": ""}, {"job_id": "-1"}, {"restarts": "0"}, {"restarts": -1},
        {"restarts": True}, {"nonce": "../../etc"}, {"nonce": None}, {"secret": ["x"]}, {"secret": ""}, {"port": 80},
        {"port": 70000}, {"port": "40000"}, {"port": 1.5}, {"claimant": ""}, {"claimant": "\n" * 30},
        {"run_command": "x"}, {"cmd": "x"},
    ],
)  # fmt: skip
def test_a_claim_of_another_form_is_refused(changed: dict[str, Any]) -> None:
    """Only the known keys, each of its own form; nothing is set by name."""
    with pytest.raises(HTTPError) as refusal:
        read_claim(json.dumps(GOOD | changed).encode())
    assert 400 == refusal.value.status_code


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'"x"', b"{}"])
def test_what_is_no_claim_is_refused(body: bytes) -> None:
    """Anything else than a whole JSON object is a 400, never an error of ours."""
    with pytest.raises(HTTPError) as refusal:
        read_claim(body)
    assert 400 == refusal.value.status_code


def test_a_huge_claim_is_not_even_read() -> None:
    """A body that no job sends is refused by its length."""
    with pytest.raises(HTTPError) as refusal:
        read_claim(b" " * 5000)
    assert 413 == refusal.value.status_code


@pytest.mark.parametrize(
    ("restarts", "claimant", "accepted"),
    [
        (1, "the-same", True),  # its answer was lost on the way
        (1, "somebody-else", False),
        (2, "a-new-one", True),  # the job was requeued
        (0, "the-same", False),  # a former run
    ],
)
def test_each_run_of_a_job_has_one_claimant(restarts: int, claimant: str, accepted: bool) -> None:
    """The process that claimed may ask again; another may not, and a requeued job proves itself anew."""
    request = JobRequest("ncem", "regular", "main", timedelta(hours=1))
    known = Intent("n" * 20, "ana", "", request, datetime.now(UTC), host="nid001", port=40000, restarts=1,
                   claimant_hash=digest("the-same"))  # fmt: skip
    claim = Claim("7", restarts, "n" * 20, "s" * 43, 40001, claimant)

    if accepted:
        ClaimHandler._once(claim, known)
    else:
        with pytest.raises(HTTPError) as refusal:
            ClaimHandler._once(claim, known)
        assert 409 == refusal.value.status_code
