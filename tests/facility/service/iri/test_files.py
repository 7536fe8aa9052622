"""Commands on files in version 2: tasks of their owner, with results as the published models have them."""

from __future__ import annotations

import base64

import pytest

from .conftest import Ana

pytestmark = [pytest.mark.slurm, pytest.mark.asyncio(loop_scope="module")]


async def test_commands_answer_with_tasks_whose_results_have_the_published_shapes(ana: Ana, home: str) -> None:
    """Bytes that are no text stay whole in a download; links are told as links."""
    content = bytes(range(256)) * 20
    post = ana.http.post
    made = await post("/filesystem/mkdir/tests", json={"source_path": home})
    await ana.task(made)
    sent = await post("/filesystem/upload/tests", params={"path": f"{home}/bytes"}, files={"file": ("b", content)})
    written = (await ana.task(sent))["result"]["output"]
    await ana.task(await post("/filesystem/symlink/tests", json={"path": "bytes", "link_path": f"{home}/.link"}))
    listed = await ana.task(await post("/filesystem/ls/tests", json={"path": home, "showHidden": True}))
    plain = await ana.task(await post("/filesystem/ls/tests", json={"path": home, "numericUid": True}))
    whole = await ana.task(await post("/filesystem/download/tests", json={"path": f"{home}/bytes"}))
    part = await ana.task(await post("/filesystem/tail/tests", json={"path": f"{home}/bytes", "bytes": 2}))

    assert (201, 200, "5120") == (made.status_code, sent.status_code, written["size"])
    assert f"{ana.service.url}/iri/api/v2/task/{sent.json()['task_id']}" == sent.json()["task_uri"]
    assert {".link": "symlink", "bytes": "file"} == {one["name"]: one["type"] for one in listed["result"]["output"]}
    assert [("bytes", True)] == [(one["name"], one["user"].isdecimal()) for one in plain["result"]["output"]]
    assert content == base64.b64decode(whole["result"]["output"])
    assert {
        "content": "\\xfe\\xff", "content_type": "bytes", "start_position": -2, "end_position": 0
    } == part["result"]["output"]  # fmt: skip


async def test_what_cannot_be_done_fails_its_task_with_the_reason(ana: Ana, home: str) -> None:
    """The request was right; the file system said no."""
    missing = await ana.task(await ana.http.post("/filesystem/stat/tests", json={"path": f"{home}/none"}))
    closed = await ana.task(await ana.http.post("/filesystem/ls/tests", json={"path": "/root"}))

    assert ("failed", f"{home}/none: No such file or directory") == (missing["status"], missing["result"]["error"])
    assert "failed" == closed["status"]


async def test_requests_that_make_no_sense_are_refused_at_once(ana: Ana, home: str) -> None:
    """No task is made of them."""
    asked = (
        ("ls", "nowhere", {"path": home}, 404),
        ("head", "tests", {"path": home}, 400),
        ("head", "tests", {"path": home, "lines": 1, "bytes": 1}, 400),
        ("chmod", "tests", {"path": home, "mode": "rwx"}, 400),
        ("chown", "tests", {"path": home, "owner": "root"}, 400),
        ("compress", "tests", {"path": home, "target_path": "/x", "compression": "urn:doe-iri:compression:rar"}, 400),
        ("stat", "tests", {"path": "a\0b"}, 400),
        ("rm", "tests", {"path": home, "force": True}, 400),
    )
    before = (await ana.http.get("/task")).json()
    replies = [await ana.http.post(f"/filesystem/{what}/{where}", json=body) for what, where, body, _ in asked]
    much = {"file": "x" * 7 * 2**20}
    large = await ana.http.post("/filesystem/upload/tests", params={"path": home}, json=much)

    assert [status for *_, status in asked] == [reply.status_code for reply in replies]
    assert (413, "application/problem+json") == (large.status_code, large.headers["Content-Type"])
    assert before == (await ana.http.get("/task")).json()


@pytest.mark.needs_root
async def test_tasks_are_their_owners(ana: Ana, home: str, real_site) -> None:
    """Somebody else's reads as none."""
    task = await ana.task(await ana.http.post("/filesystem/ls/tests", json={"path": "/"}))
    token = await (await ana.service.token(real_site.ben))()
    headers = {"Authorization": f"Bearer {token}"}
    replies = [await ana.http.request(verb, f"/task/{task['id']}", headers=headers) for verb in ("GET", "DELETE")]

    assert ([404, 404], []) == (
        [reply.status_code for reply in replies],
        (await ana.http.get("/task", headers=headers)).json(),
    )
