"""The routes of callbacks and events, and what they refuse."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from facility.service.events.happenings import EVENTS, Happening
from facility.testing import until

from .conftest import Served

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "facility.md").read_text(encoding="utf-8")


async def post(served: Served, path: str, body: object = None, user: str = "") -> tuple[int, dict]:
    """Send something as somebody."""
    answer = await served.http.post(path, json=body, headers=served.headers(user))
    return answer.status_code, answer.json()


@pytest.fixture
def resolved(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name of a test is a public address; nothing is sent there."""

    async def public(host: str, port: int) -> list[str]:
        return ["8.8.8.8"]

    monkeypatch.setattr(served.parts.callbacks, "_resolve", public)
    monkeypatch.setattr(served.parts.callbacks._delivering, "_begin_due", lambda tasks: asyncio.sleep(0))


@pytest.mark.usefixtures("resolved")
async def test_a_subscription_is_made_shown_and_removed(served: Served) -> None:
    """Its secret is told when it is made and when it is replaced, and never else."""
    status, made = await post(served, "/callbacks", {"url": "https://hooks.example.org/x", "events": ["job.*"]})
    shown = (await served.get(f"/callbacks/{made['id']}")).json()
    replaced = (await post(served, f"/callbacks/{made['id']}/secret"))[1]
    listed = (await served.get("/callbacks")).json()["callbacks"]
    gone = await served.http.delete(f"/callbacks/{made['id']}", headers=served.headers())

    assert (201, 200) == (status, gone.status_code)
    assert made["secret"].startswith("whsec_") and replaced["secret"] not in {"", made["secret"]}
    assert [""] == [one["secret"] for one in listed] == [shown["secret"]]
    assert 404 == (await served.get(f"/callbacks/{made['id']}")).status_code


@pytest.mark.usefixtures("resolved")
async def test_a_ping_is_in_the_log(served: Served) -> None:
    """With its body; before its first attempt there is none to tell."""
    _, made = await post(served, "/callbacks", {"url": "https://hooks.example.org/x"})
    status, ping = await post(served, f"/callbacks/{made['id']}/ping")
    listed = (await served.get(f"/callbacks/{made['id']}/deliveries")).json()["deliveries"]
    whole = (await served.get(f"/callbacks/{made['id']}/deliveries/{ping['id']}")).json()
    again = await post(served, f"/callbacks/{made['id']}/deliveries/{ping['id']}/resend")

    assert (202, [ping["id"]], "waiting") == (status, [one["id"] for one in listed], listed[0]["state"])
    assert ("callback.ping", []) == (json.loads(whole["body"])["type"], whole["log"])
    assert 400 == again[0]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "url: give a url or an email"),
        ({"url": "http://hooks.example.org/"}, 422, "url: must begin with https://"),
        ({"url": "https://127.0.0.1/"}, 422, "url: 127.0.0.1 is at an address that callbacks may not reach"),
        ({"url": "https://169.254.169.254/latest"}, 422, "url: 169.254.169.254 is at an address"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, 422, "url: ::ffff:10.0.0.1 is at an address"),
        ({"email": "ben@example.org"}, 422, "email: this facility sends no e-mail"),
        ({"url": "https://1.1.1.1/", "events": ["everything"]}, 422, "events: 'everything' is none of"),
        ({"url": "https://1.1.1.1/", "job_id": "7; rm"}, 422, "job_id"),
        ({"url": "https://1.1.1.1/", "job_id": "7", "filter": {"account": "ncem"}}, 422, "filter: says nothing"),
    ],
)
async def test_a_wrong_subscription_is_refused(
    served: Served, body: dict[str, object], status: int, words: str
) -> None:
    """Naming the field."""
    answered, error = await post(served, "/callbacks", body)

    assert (status, True) == (answered, words in error["error"]["what"])


@pytest.mark.parametrize("text", [rb"\ud800", rb"\u0000", rb"a\nb"])
async def test_text_that_no_database_or_log_should_hold_is_refused(served: Served, text: bytes) -> None:
    """Half a character, a zero byte, a line end: as JSON can carry them."""
    headers = served.headers() | {"Content-Type": "application/json"}
    for path, body in (
        ("/callbacks", b'{"url": "https://1.1.1.1/", "filter": {"name": "%s"}}'),
        ("/callbacks", b'{"url": "https://1.1.1.1/%s"}'),
        ("/callbacks", b'{"email": "%s"}'),
        (f"/reservations/requests/{'0' * 36}/refuse", b'{"word": "%s"}'),
    ):
        answer = await served.http.post(path, content=body % text, headers=headers)
        assert answer.status_code in {403, 422}, (path, answer.text)


async def test_events_are_one_stream(served: Served) -> None:
    """Jobs, and what else happens to the caller; another person's reservation is not told."""
    stream = served.parts.broadcast.events(served.person, "", 60)
    await until(lambda: served.parts.ledger.taken is not None)
    assert b"event: snapshot" in await anext(stream)
    now = served.parts.clock.now()
    for user, cause in ((served.person, "mine"), ("ben", "his")):
        served.parts.hearing.tell(Happening("reservation.active", (user,), {"name": cause}, now, cause))
    heard = b""
    while b"reservation.active" not in heard:
        heard = await anext(stream)
    await stream.aclose()

    assert re.search(rb"id: \d+-1\nevent: reservation.active\ndata: .*mine", heard)
    assert b"his" not in heard


async def test_a_stream_goes_on_where_it_was(served: Served) -> None:
    """What was missed is told; a place that nobody knows any more brings a resync."""
    broadcast, now = served.parts.broadcast, served.parts.clock.now()
    await until(lambda: served.parts.ledger.taken is not None)
    for cause in "ab":
        served.parts.hearing.tell(Happening("resource.status", (), {"name": cause}, now, cause))
    await until(lambda: len(broadcast._happenings) == 2)
    version = served.parts.ledger.version_of()
    stream, lost = (broadcast.events(served.person, id_, 60) for id_ in (f"{version}-1", f"{version}-99"))
    missed, again = await anext(stream), await anext(lost)
    await stream.aclose()
    await lost.aclose()

    assert (1, True) == (missed.count(b"resource.status"), b'"b"' in missed)
    assert again.startswith(b"event: resync") and b"event: snapshot" in again


async def test_an_unknown_topic_is_refused(served: Served) -> None:
    """Naming those that there are."""
    answer = await served.get("/events", topics="weather")

    assert (422, True) == (answer.status_code, "job, transfer, reservation, resource" in answer.json()["error"]["what"])


def test_every_event_of_a_callback_is_told_of() -> None:
    """And no other."""
    section = PAGE.split("\n## Callbacks\n")[1].split("\n## ")[0]

    assert list(EVENTS) == re.findall(r"^\| `([a-z.]+)` \|", section, re.MULTILINE)
