"""accounts, images, reservations, jobs and health over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from facility.errors import Unreachable
from facility.models import Job, Reservation

if TYPE_CHECKING:
    from .conftest import Served

MakeJob = Callable[..., Job]


async def test_accounts_tell_what_one_person_may_charge(served: Served) -> None:
    """Only QOS that an entitlement names are told."""
    found = (await served.get("/accounts")).json()

    assert ["ncem"] == [entitlement["account"] for entitlement in found["entitlements"]]
    assert (["realtime"], "") == ([qos["name"] for qos in found["qos"]], found["problem"])
    assert 3 == found["partitions"][0]["idle_nodes"]


async def test_a_failing_database_leaves_the_last_good_accounts(served: Served) -> None:
    """They are told with the reason why they are older."""
    served.slurm.problem = Unreachable("slurmdbd does not answer")
    await served.parts.facts.associations.refresh(_free())

    found = (await served.get("/accounts")).json()

    assert ("accounting: slurmdbd does not answer", 1) == (found["problem"], len(found["entitlements"]))


async def test_one_person_may_not_ask_about_another(served: Served) -> None:
    """Neither accounts nor jobs nor reservations."""
    replies = [
        await served.http.get(path, params={"user": "kim"}, headers=served.headers())
        for path in ("/accounts", "/jobs", "/reservations", "/images")
    ]

    assert {403} == {reply.status_code for reply in replies}


async def test_the_hub_asks_about_people(served: Served) -> None:
    """It says about whom."""
    headers = served.headers("beamside-hub", "hub")
    about = await served.http.get("/accounts", params={"user": served.person}, headers=headers)
    about_nobody = await served.http.get("/accounts", headers=headers)

    assert (200, 400) == (about.status_code, about_nobody.status_code)


async def test_an_image_that_cannot_run_here_is_withheld_with_the_reason(served: Served) -> None:
    """It is named, and not offered."""
    found = (await served.get("/images")).json()

    assert (["none"], ["stempy"]) == (
        [image["name"] for image in found["images"]], [held["image"]["name"] for held in found["withheld"]],
    )  # fmt: skip
    assert "no container runtime" in found["withheld"][0]["why_not"]


@pytest.fixture
def reservations(served: Served) -> None:
    """One that admits, one to come, one of others, one that has ended."""
    now = datetime.now(UTC)

    def window(name: str, start: int, **rule: object) -> Reservation:
        starts = now + timedelta(hours=start)
        return Reservation(name, starts, starts + timedelta(hours=3), "ACTIVE", **rule)  # type: ignore[arg-type]

    served.slurm.found_reservations = (
        window("later", 5, users=(served.person,)),
        window("now", -1, accounts=("ncem",)),
        window("others", -1, accounts=("bio",)),
        window("ended", -9, accounts=("ncem",)),
    )


@pytest.mark.usefixtures("reservations")
async def test_reservations_are_those_that_admit_me_the_first_first(served: Served) -> None:
    """What is of others, and what has ended, is not shown."""
    await served.parts.facts.reservations.refresh(_free())

    found = (await served.get("/reservations")).json()["reservations"]

    assert [("now", True), ("later", True)] == [(entry["name"], entry["admits"]) for entry in found]


async def test_a_reservation_that_nearly_fits_says_why_not(served: Served) -> None:
    """It names the person and wants another account; whom else it is for is not told."""
    now = datetime.now(UTC)
    served.slurm.found_reservations = (
        Reservation("beam", now, now + timedelta(hours=3), "ACTIVE", users=(served.person,), accounts=("bio",)),
    )
    await served.parts.facts.reservations.refresh(_free())

    answer = (await served.get("/reservations")).json()

    assert [] == answer["reservations"]
    assert [("beam", "beam is for other accounts (bio).", [])] == [
        (entry["name"], entry["why_not"], entry["users"]) for entry in answer["near"]
    ]


@pytest.mark.usefixtures("reservations")
async def test_only_an_operator_sees_the_reservations_of_others(served: Served) -> None:
    """With the reason why each does not admit."""
    await served.parts.facts.reservations.refresh(_free())
    params = {"all": "true", "user": served.person}
    refused = await served.http.get("/reservations", params=params, headers=served.headers())
    granted = await served.http.get("/reservations", params=params, headers=served.headers("kim"))

    reasons = {entry["name"]: entry["why_not"] for entry in granted.json()["reservations"]}
    assert (403, "others is for other accounts (bio).") == (refused.status_code, reasons["others"])


async def test_a_start_is_told_to_the_person_and_to_a_hub(served: Served) -> None:
    """Nobody else asks in the person's name, operators neither; a request that is none is told what of it."""
    size = {"account": "ncem", "walltime": "3600", "nodes": "2"}
    own = (await served.get("/jobs/estimate", **size)).json()
    about = {"params": size | {"user": served.person}}
    hubs = (await served.http.get("/jobs/estimate", headers=served.headers("beamside-hub", "hub"), **about)).json()
    refused = await served.http.get("/jobs/estimate", headers=served.headers("kim"), **about)
    wrong = [await served.get("/jobs/estimate", **(size | odd)) for odd in ({"nodes": "0"}, {"account": "--wrap=x"})]

    assert (own, "nid001", "main") == (hubs, own["nodes"], own["partition"])
    assert (403, [422, 422]) == (refused.status_code, [reply.status_code for reply in wrong])
    assert 1 == served.scheduler.calls_of("sbatch")


async def test_who_may_not_ask_for_a_start_so_soon_is_told_when(served: Served) -> None:
    """429 with Retry-After, in words; other requests of the person's go on."""
    replies = [await served.get("/jobs/estimate", walltime=f"{3600 + n}") for n in range(12)]
    refused = next(reply for reply in replies if reply.status_code != 200)

    assert (429, [200] * 5) == (refused.status_code, [reply.status_code for reply in replies[:5]])
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert "has asked for many estimates" in refused.json()["error"]["what"]
    assert 200 == (await served.get("/jobs")).status_code


async def test_jobs_are_ones_own(served: Served) -> None:
    """The hub alone sees everybody's."""
    own = (await served.get("/jobs")).json()
    everybodys = (await served.get("/jobs", "beamside-hub", "hub")).json()

    assert (["7"], ["7", "8"]) == ([job["id"] for job in own["jobs"]], [job["id"] for job in everybodys["jobs"]])


async def test_unchanged_jobs_are_not_sent_again(served: Served, make_job: MakeJob) -> None:
    """Another person's change does not change my answer; the time of the last look is told all the same."""
    first = await served.get("/jobs")
    served.parts.broadcast.publish(served.parts.ledger.put(make_job("9", user="ben")))
    headers = served.headers() | {"If-None-Match": first.headers["etag"]}
    again = await served.http.get("/jobs", headers=headers)
    served.parts.ledger.put(make_job("10", user=served.person))
    changed = await served.http.get("/jobs", headers=headers)

    assert (304, b"", 200) == (again.status_code, again.content, changed.status_code)
    assert "beamside-taken" in again.headers


async def test_asking_for_jobs_asks_no_scheduler(served: Served) -> None:
    """However many ask, the one poller asks."""
    before = len(served.scheduler.calls)
    for _ in range(20):
        await served.get("/jobs")

    assert before == len(served.scheduler.calls)


async def test_somebody_elses_job_reads_as_none(served: Served) -> None:
    """Whether it exists is not told."""
    other, none = await served.get("/jobs/8"), await served.get("/jobs/999")

    assert (404, 404) == (other.status_code, none.status_code)
    assert other.json()["error"]["what"].replace("8", "999") == none.json()["error"]["what"]


async def test_a_job_that_the_queue_lacks_is_asked_for(served: Served, make_job: MakeJob) -> None:
    """One that was submitted a moment ago is found."""
    served.scheduler.jobs["12"] = make_job("12", user=served.person)

    assert "12" == (await served.get("/jobs/12")).json()["id"]


async def test_an_owner_cancels_as_the_owner(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command runs in the owner's name."""
    asked: list[tuple[str, str]] = []

    async def cancel(job_id: str, *, user: str) -> None:
        asked.append((job_id, user))

    monkeypatch.setattr(served.slurm, "cancel", cancel)
    reply = await served.http.delete("/jobs/7", headers=served.headers())

    assert (200, [("7", served.person)]) == (reply.status_code, asked)


async def test_nobody_cancels_somebody_elses_job(served: Served) -> None:
    """Not even an operator, who has other means and is told so."""
    person = await served.http.delete("/jobs/8", headers=served.headers())
    operator = await served.http.delete("/jobs/8", headers=served.headers("kim"))

    assert (404, 403, 0) == (person.status_code, operator.status_code, served.scheduler.calls_of("scancel"))


@pytest.mark.parametrize("job_id", ["abc", "7;id", "--help", "0", "7 8"])
async def test_what_is_no_job_id_is_refused_in_the_common_shape(served: Served, job_id: str) -> None:
    """The error names the field, and no command ran."""
    before = len(served.scheduler.calls)
    reply = await served.http.post("/jobs/hints", json={"job_id": job_id}, headers=served.headers())

    assert (422, True) == (reply.status_code, "job_id" in reply.json()["error"]["what"])
    assert before == len(served.scheduler.calls)


async def test_a_queue_that_was_never_seen_is_an_error_not_an_empty_list(served: Served) -> None:
    """Not known is told as not known."""
    served.parts.ledger._taken = None

    assert (502, True) == ((r := await served.get("/jobs")).status_code, "not known yet" in r.json()["error"]["what"])


async def test_health_names_each_part_with_since_when(served: Served) -> None:
    """What was not asked yet is unknown, not up."""
    found = (await served.http.get("/health")).json()
    states = {part["name"]: part["state"] for part in found["subsystems"]}

    assert (True, "up", "unknown") == (found["ok"], states["scheduler"], states["login provider"])
    assert all(part["since"].endswith("+00:00") for part in found["subsystems"])


async def test_a_full_disk_is_507_with_words(served: Served) -> None:
    """Reading goes on; writing says what is wrong."""

    def full(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith(("INSERT", "DELETE")):
            raise OperationalError(statement, {}, Exception("database or disk is full"))

    event.listen(served.desk.database._engine, "before_cursor_execute", full)
    reply = await served.ask_token(served.assertion("cli"))

    assert (507, True) == (reply.status_code, "disk is full" in reply.json()["error_description"])
    assert 200 == (await served.get("/identity/me")).status_code


async def test_a_database_that_is_away_is_503_and_says_when_to_ask_again(served: Served) -> None:
    """It is nobody's full disk: a restart of PostgreSQL is over in seconds, and clients wait for that long."""

    def away(conn: object, cursor: object, statement: str, *rest: object) -> None:
        raise OperationalError(statement, {}, Exception("server closed the connection unexpectedly"))

    event.listen(served.desk.database._engine, "before_cursor_execute", away)
    reply = await served.ask_token(served.assertion("cli"))

    assert (503, "5") == (reply.status_code, reply.headers.get("Retry-After"))
    assert "temporarily_unavailable" == reply.json()["error"]


async def test_a_mistake_of_ours_has_a_reference_and_no_traceback(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person gets something to tell the operators."""
    monkeypatch.setattr(type(served.parts.ledger), "snapshot", lambda self, user="": 1 / 0)
    reply = await served.get("/jobs")

    assert (500, True) == (reply.status_code, "reference" in reply.json()["error"]["what"])
    assert "ZeroDivisionError" not in reply.text


@pytest.mark.parametrize(
    ("path", "kind"), [("/jobs/hints", "application/json"), ("/identity/token", "application/x-www-form-urlencoded")]
)
async def test_a_huge_body_is_refused_without_being_read(served: Served, path: str, kind: str) -> None:
    """Announced or streamed: no more than the limit is taken in."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 10_000
            yield b"x" * 10_000

    headers = served.headers() | {"Content-Type": kind}
    reply = await served.http.post(path, content=endless(), headers=headers)

    assert (413, {"what", "to", "next"}, True) == (reply.status_code, set(reply.json()["error"]), taken < 100_000)


async def test_an_unknown_route_has_the_common_shape(served: Served) -> None:
    """404 and 405 are errors like all others."""
    unknown = await served.http.get("/nowhere")
    wrong = await served.http.put("/health")

    assert (404, 405) == (unknown.status_code, wrong.status_code)
    assert {"what", "to", "next"} == set(unknown.json()["error"]) == set(wrong.json()["error"])


def _free() -> object:
    """A budget that never waits."""

    class Free:
        async def spend(self, rpcs: float) -> None:
            """Granted."""

    return Free()
