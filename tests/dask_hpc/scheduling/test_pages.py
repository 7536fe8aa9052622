"""A cluster's pages, as its user sees them: through the own Jupyter server, a real one, and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import websocket

if TYPE_CHECKING:
    from tests.conftest import Jupyter, StartJupyter
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

SECONDS = 60.0


@pytest.fixture(scope="module")
def seen(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of a cluster with one rank."""
    with ana.cluster("seen", "--qos", "regular") as record:
        yield record


@pytest.fixture(scope="module")
def jupyter(ana: Notebooks, start_jupyter: StartJupyter) -> Jupyter:
    """The same user's Jupyter server."""
    return start_jupyter(ana.user, XDG_STATE_HOME=str(ana.state), BEAMSIDE_PROFILE=str(ana.profile))


@pytest.fixture
def pages(jupyter: Jupyter, seen: dict[str, Any]) -> Iterator[httpx.Client]:
    """A browser on the cluster's pages."""
    headers = {"Authorization": f"token {jupyter.token}"}
    base = f"{jupyter.url}/beamside/clusters/seen/pages/"
    with httpx.Client(
        base_url=base, headers=headers, trust_env=False, timeout=SECONDS, follow_redirects=True
    ) as browser:
        yield browser


def test_a_page_comes_with_all_that_it_is_made_of(pages: httpx.Client) -> None:
    """The first look loads what draws; scripts and styles are found below the same address."""
    page = pages.get("")

    files = re.findall(r'(?:src|href)="((?:static|statics)/[^"]+)"', page.text)
    assert (page.status_code, str(page.url).endswith("/pages/status")) == (200, True)
    assert page.headers["content-type"].startswith("text/html")
    assert any(file.startswith("static/js/bokeh") for file in files)
    assert {200} == {pages.get(file).status_code for file in files}


def test_a_page_moves_by_its_own_socket(jupyter: Jupyter, pages: httpx.Client) -> None:
    """Bokeh's socket is open through both servers, with the page's own token."""
    found = re.search(r'"token":"([^"]+)"', pages.get("status").text)
    assert found
    url = f"{pages.base_url}status/ws?token={jupyter.token}".replace("http", "ws", 1)

    line = websocket.create_connection(url, subprotocols=["bokeh", found[1]], timeout=SECONDS)

    assert (line.subprotocol, json.loads(line.recv())["msgtype"]) == ("bokeh", "ACK")
    line.close()


def test_a_page_is_held_to_what_a_page_needs(pages: httpx.Client) -> None:
    """No other site frames it, and what is text alone runs nothing."""
    drawn, written = pages.get("status"), pages.get("json/identity.json")

    assert "frame-ancestors 'self'" in drawn.headers["content-security-policy"]
    assert "sandbox" in written.headers["content-security-policy"]
    assert written.json()["type"] == "ClusterScheduler"


@pytest.mark.parametrize(
    "path",
    ["info/worker/x.html", "info/task/<b>.html", "eventstream", "proxy/1/127.0.0.1/status", "metrics", "sitemap.json",
     "static/%2e%2e/x", "Status", "no-such-page"],
)  # fmt: skip
def test_what_is_no_known_page_is_not_asked_for(pages: httpx.Client, path: str) -> None:
    """A link made by somebody else reaches no page that would repeat its words."""
    answer = pages.get(path)

    assert (answer.status_code, answer.json()["error"]["what"]) == (404, "there is no such page")


def test_a_cluster_that_is_not_there_is_said_so(jupyter: Jupyter, pages: httpx.Client) -> None:
    """In the one shape of our errors, with the name."""
    answer = pages.get(f"{jupyter.url}/beamside/clusters/absent/pages/status")

    assert answer.status_code == 404
    assert "no cluster is named 'absent'" in answer.json()["error"]["what"]


def test_nobody_sees_a_page_without_signing_in(jupyter: Jupyter, pages: httpx.Client) -> None:
    """Neither page nor socket."""
    assert httpx.get(f"{pages.base_url}status", trust_env=False).status_code == 403
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        websocket.create_connection(f"{pages.base_url}status/ws".replace("http", "ws", 1))


def test_a_server_on_another_node_comes_by_the_clusters_own_tls(ana: Notebooks, seen: dict[str, Any]) -> None:
    """Where the socket is out of reach the same page comes from the port behind mutual TLS."""
    code = """
import asyncio, json
from dataclasses import replace
from facility.clusters import read_record
from server_ext.pages import fetch
from server_ext.pages_line import find_line
line = find_line(replace(read_record("seen"), dashboard_socket="/nowhere/pages.sock"))
async def main():
    answer = await fetch(line, "json/identity.json", "")
    if answer.code == 302:
        answer = await fetch(line, "json/identity.json", "")
    return [line.address, json.loads(answer.body)["type"]]
print(json.dumps(asyncio.run(main())))
"""

    assert json.loads(ana.python("-", stdin=code)) == [seen["dashboard_address"], "ClusterScheduler"]


def test_a_kernel_links_to_its_own_servers_pages(ana: Notebooks, seen: dict[str, Any]) -> None:
    """The path that the browser knows that server by; outside of a Jupyter server there is no link."""
    ask = 'with MPICluster.from_name("seen") as cluster:\n    client = cluster.get_client()\n    ' \
          'answer = [cluster.dashboard_link, client.dashboard_link]'  # fmt: skip

    assert ana.kernel(ask, BEAMSIDE_BASE_URL="/user/ana/") == ["/user/ana/beamside/clusters/seen/pages/status"] * 2
    assert ana.kernel(ask)[0] == ""


def test_a_servers_kernels_know_its_address(jupyter: Jupyter) -> None:
    """The extension leaves the base URL in the environment that kernels get."""
    with httpx.Client(
        base_url=jupyter.url, headers={"Authorization": f"token {jupyter.token}"}, trust_env=False, timeout=SECONDS
    ) as http:
        kernel = http.post("/api/kernels", json={}).json()["id"]
        url = f"{jupyter.url}/api/kernels/{kernel}/channels?token={jupyter.token}".replace("http", "ws", 1)
        line = websocket.create_connection(url, timeout=SECONDS)
        line.send(json.dumps(request('import os; print(os.environ["BEAMSIDE_BASE_URL"])')))
        while (said := json.loads(line.recv()))["msg_type"] != "stream":
            assert said["msg_type"] != "error", said
        line.close()
        http.delete(f"/api/kernels/{kernel}")

    assert said["content"]["text"] == "/\n"


def request(code: str) -> dict[str, Any]:
    """A message of Jupyter's protocol that runs code."""
    header = {"msg_id": "1", "session": "1", "username": "", "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    return {"header": header, "parent_header": {}, "metadata": {}, "channel": "shell", "content": content}
