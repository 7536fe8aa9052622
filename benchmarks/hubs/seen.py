"""What can be seen of any hub from outside: what it says, what answers at a server's address, and Slurm's own word."""

from __future__ import annotations

import contextlib
import html
import re
import time
from collections.abc import Callable

import httpx

from beamside.demo.processes import wait_until
from tests.hub_ext.conftest import ADMIN, HubAtWork

PATIENCE = 45.0
"""Seconds that a hub has, after a fault, to come to its end state."""


def answers(hub: HubAtWork) -> str:
    """The job whose server answers at the person's address; empty where none does."""
    with contextlib.suppress(httpx.HTTPError):
        url = f"http://127.0.0.1:{hub.ports.proxy}/user/{hub.user}/api"
        found = httpx.get(url, trust_env=False, timeout=5)
        return found.text if found.is_success and found.text.isdigit() else ""
    return ""


def seen(hub: HubAtWork) -> str:
    """What hub, address and Slurm say at this moment."""
    server, jobs = hub.server(), hub.jobs()
    known = "ready" if server.get("ready") else f"pending {server['pending']}" if server.get("pending") else "none"
    page = "answers" if answers(hub) else "does not answer"
    return f"server: {known}; its address {page}; jobs in Slurm: {len(jobs)}"


def settle(hub: HubAtWork, is_settled: Callable[[], bool], seconds: float = PATIENCE) -> str:
    """What is seen once it is as hoped, with the seconds that took, or after `seconds`."""
    began = time.monotonic()
    while time.monotonic() - began < seconds and not is_settled():
        time.sleep(0.2)
    took = time.monotonic() - began
    return f"{seen(hub)} ({f'after {took:.0f} s' if took < seconds else f'still so after {seconds:.0f} s'})"


def serving(hub: HubAtWork) -> bool:
    """Whether the hub knows a server that answers."""
    return bool(hub.server().get("ready") and answers(hub))


def gone(hub: HubAtWork) -> bool:
    """Whether neither hub nor Slurm knows anything of it any more."""
    return not hub.server() and not hub.jobs()


def served(hub: HubAtWork) -> str:
    """Start a server; returns its job."""
    hub.begin()
    job = hub.wait_serving(60)
    wait_until(lambda: serving(hub), seconds=30, otherwise=lambda: hub.log("hub"))
    return job


def told(reply: httpx.Response) -> str:
    """A hub's answer to a request: its number, and what it says."""
    with contextlib.suppress(ValueError, AttributeError):
        return f"HTTP {reply.status_code} “{reply.json().get('message', '')[:300]}”"
    return f"HTTP {reply.status_code}"


def page(hub: HubAtWork) -> str:
    """The words of the page at the server's address, for the person who is signed in."""
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=30, follow_redirects=True) as browser:
        entrance = browser.get("/hub/oauth_login" if hub.subjects else "/hub/login")
        if hub.subjects:
            browser.post(entrance.url, data={"login": "ana", "password": hub.password()})
        else:
            token = re.search(r'name="_xsrf" value="([^"]+)"', entrance.text)
            fields = {"username": hub.user, "password": ADMIN, "_xsrf": token[1] if token else ""}
            browser.post(entrance.url, data=fields)
        text = browser.get(f"/user/{hub.user}/lab", headers={"Accept": "text/html"}).text
    inner = re.sub(r"<(script|style|nav|head|noscript)\b.*?</\1>|<[^>]+>", " ", text, flags=re.DOTALL)
    return " ".join(html.unescape(inner).split())[:400]
