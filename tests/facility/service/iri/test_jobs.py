"""Jobs from PSI/J specifications on the real Slurm: nothing of them is shell text by mistake, and each is made once."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path

import pytest

from .conftest import Ana

pytestmark = [pytest.mark.slurm, pytest.mark.asyncio(loop_scope="module")]
HOSTILE = [
    "a b",
    "$(touch /tmp/never)",
    "`id`",
    "'",
    '"',
    "\\",
    "two\nlines",
    "",
    "@ASKED@",
    "-n",
    "é€",
    "*",
    "; exit 3",
]


async def test_every_word_reaches_the_program_as_it_was_sent(ana: Ana, home: str) -> None:
    """Arguments, variables, input, and what runs before and after; the exit status is the program's."""
    show = (
        "import json,os,sys; print(json.dumps([sys.argv[1:], os.environ['WORD'], os.environ['SET'], sys.stdin.read()]))"
    )
    await ana.task(await ana.http.post("/filesystem/mkdir/tests", json={"path": home}))
    file = {"file": ("in", b"from the file")}
    await ana.task(await ana.http.post("/filesystem/upload/tests", params={"path": f"{home}/in $x"}, files=file))
    spec = {
        "name": "hostile; $(id)",
        "executable": "/usr/bin/python3",
        "arguments": ["-c", f"{show}; sys.exit(5)", *HOSTILE],
        "environment": {"WORD": "a 'b' $c\nd", "command": "kept", "_iri": "kept"},
        "pre_launch": 'export SET="by $USER"',
        "post_launch": 'echo "after $SET"',
        "stdin_path": f"{home}/in $x",
        "stdout_path": f"{home}/out-%j",
        "directory": home,
    }
    job = (await ana.submit(spec)).json()
    ended = await ana.ended(job["id"])
    out = await asyncio.to_thread(Path(f"{home}/out-{job['id']}").read_text, encoding="utf-8")
    printed, after = out.splitlines()

    assert ("failed", 5) == (ended["status"]["state"], ended["status"]["exit_code"])
    assert [HOSTILE, "a 'b' $c\nd", f"by {ana.user}", "from the file"] == json.loads(printed)
    assert f"after by {ana.user}" == after


async def test_one_key_is_one_job(ana: Ana) -> None:
    """The same again: the same answer. Two at once: one is told to wait. Another body: refused."""
    key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
    spec = {"executable": "/bin/sleep", "arguments": ["60"], "name": f"once-{uuid.uuid4()}"}
    at_once = await asyncio.gather(*(ana.submit(spec, **key) for _ in range(2)))
    again = await ana.submit(spec, **{"Idempotency-Key": key["Idempotency-Key"].strip('"')})
    other = await ana.submit(spec | {"arguments": ["61"]}, **key)
    jobs = (await ana.http.post("/compute/status/tests", json={"name": spec["name"]})).json()
    first = next(reply for reply in at_once if reply.status_code == 200)
    await ana.http.delete(f"/compute/cancel/tests/{first.json()['id']}")

    assert [200, 409] == sorted(reply.status_code for reply in at_once)
    assert (200, "hit", first.json()) == (again.status_code, again.headers["Idempotency-Key-Reply"], again.json())
    assert ("miss", 422) == (first.headers["Idempotency-Key-Reply"], other.status_code)
    assert [first.json()["id"]] == [job["id"] for job in jobs]


async def test_a_change_with_a_key_is_made_once(ana: Ana) -> None:
    """The second time it is only told."""
    job = (
        await ana.submit({"executable": "/bin/true", "attributes": {"custom_attributes": {"begin": "now+1hour"}}})
    ).json()
    where, key = f"/compute/job/tests/{job['id']}", {"Idempotency-Key": str(uuid.uuid4())}
    replies = [await ana.http.put(where, json={"attributes": {"duration": 60}}, headers=key) for _ in range(2)]
    refused = await ana.http.put(where, json={"attributes": {"account": "no-such"}})
    fixed = await ana.http.put(where, json={"executable": "/bin/false"})
    await ana.http.delete(f"/compute/cancel/tests/{job['id']}")

    assert ["miss", "hit"] == [reply.headers["Idempotency-Key-Reply"] for reply in replies]
    assert (422, 422) == (refused.status_code, fixed.status_code)
    assert "executable: cannot be changed" in fixed.json()["detail"]


REFUSED = (
    ({"executable": "/bin/true", "attributes": {"account": "no-such-account"}}, 422, "account"),
    ({"executable": "/bin/true", "attributes": {"queue_name": "nowhere"}}, 422, "there is no partition or QOS"),
    ({"executable": "/bin/true", "attributes": {"custom_attributes": {"uid": "0"}}}, 422, "custom_attributes.uid"),
    ({"executable": "/bin/true", "container": {"image": "x"}}, 422, "container"),
    ({"executable": "/bin/true", "launcher": "bash -c"}, 422, "launcher"),
    ({"executable": "/bin/true", "name": "two\nlines"}, 400, "name"),
    ({"executable": "/bin/true", "environment": {"A B": "x"}}, 400, "environment"),
    ({"executable": "/bin/true", "arguments": ["a\0b"]}, 400, "zero byte"),
    ({"executable": "/bin/true", "wishes": 1}, 400, "wishes"),
    ({"arguments": []}, 422, "executable"),
)


async def test_what_cannot_be_run_is_refused_by_name(ana: Ana) -> None:
    """As problem details; what the scheduler refuses, in its own words."""
    for spec, status, words in REFUSED:
        reply = await ana.submit(spec)

        assert (status, "application/problem+json") == (reply.status_code, reply.headers["Content-Type"])
        assert words in reply.json()["detail"]


async def test_the_account_stands_in_one_place(ana: Ana) -> None:
    """The header of a gateway is taken where the specification names none."""
    spec = {"executable": "/bin/true"}
    twice = await ana.submit(spec, **{"X-IRI-Facility-Project": "ncem"})
    body = spec | {"resources": {"exclusive_node_use": False}, "attributes": {"queue_name": "main", "duration": 60}}
    once = await ana.http.post("/compute/job/tests", json=body, headers={"X-IRI-Facility-Project": "ncem"})
    found = (await ana.http.get(f"/compute/status/tests/{once.json()['id']}?include_spec=true")).json()

    assert 400 == twice.status_code
    assert ("ncem", "ncem") == (found["job_spec"]["attributes"]["account"], found["status"]["meta_data"]["account"])


@pytest.mark.needs_root
async def test_somebody_elses_job_and_none_read_the_same(ana: Ana, real_site) -> None:
    """For reading, changing and cancelling."""
    token = await (await ana.service.token(real_site.ben))()
    job = (await ana.submit({"executable": "/bin/sleep", "arguments": ["60"]})).json()["id"]
    headers = {"Authorization": f"Bearer {token}"}
    replies = [
        await ana.http.request(method, f"/compute/{what}/tests/{number}", json=body, headers=headers)
        for method, what, body in (("GET", "status", None), ("DELETE", "cancel", None), ("PUT", "job", {"name": "x"}))
        for number in (job, "999999")
    ]
    await ana.http.delete(f"/compute/cancel/tests/{job}")

    assert [404] * 6 == [reply.status_code for reply in replies]
    assert {f"the scheduler knows no job {number}" for number in (job, "999999")} == {
        reply.json()["detail"] for reply in replies
    }
