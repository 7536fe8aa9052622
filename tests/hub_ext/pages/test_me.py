"""One's own sign-ins and keys on a whole hub, by forms alone, without JavaScript."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from facility.errors import NotSignedIn
from facility.key_token import KeyToken, load_key
from hub_ext.pages.new_key import offered

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm

OTHER = "https://other.example.org"


def post(browser: httpx.Client, **fields: Any) -> httpx.Response:
    """Send one of the page's forms, with the page's own token."""
    found = re.search(r'name="_xsrf" value="([^"]+)"', browser.get("/hub/beamside/me").text)
    assert found is not None
    return browser.post("/hub/beamside/me", data={"_xsrf": html.unescape(found[1]), **fields})


def said(page: httpx.Response) -> str:
    """What stands in the page's message."""
    found = re.search(r'role="(?:alert|status)">(.*?)</p>', page.text, re.DOTALL)
    return html.unescape(found[1]) if found else page.text[-3000:]


def test_a_key_is_made_shown_once_works_and_is_ended(hub: HubAtWork, browser: httpx.Client, tmp_path: Path) -> None:
    """The file that is shown gets a token with the scopes that were ticked; after its end it gets none."""
    page = post(
        browser, act="register", name="pipeline <1>", scopes=["jobs", "files"], days="5", networks="127.0.0.1/32"
    )
    secret = re.search(r'<textarea id="secret"[^>]*>(.*?)</textarea>', page.text, re.DOTALL)
    assert secret is not None, said(page)
    text = html.unescape(secret[1])
    again = browser.get("/hub/beamside/me")
    (tmp_path / "key.json").touch(mode=0o600)
    (tmp_path / "key.json").write_text(text, encoding="utf-8")
    key = load_key(tmp_path / "key.json")
    token_url = f"http://127.0.0.1:{hub.ports.facility}/identity/token"
    bearer = {"Authorization": f"Bearer {asyncio.run(KeyToken(key, token_url)())}"}
    who = httpx.get(f"http://127.0.0.1:{hub.ports.facility}/identity/me", headers=bearer, trust_env=False)

    assert ("no-store", hub.user) == (page.headers["Cache-Control"], who.json()["user"])
    assert "pipeline &lt;1&gt;" in again.text
    assert json.loads(text)["client_id"] in again.text
    assert "PRIVATE KEY" not in again.text
    assert "May do: jobs, files." in again.text
    assert "127.0.0.1/32" in again.text

    assert "confirm" in said(post(browser, act="revoke", id=key.client_id))
    assert "ended" in said(post(browser, act="revoke", id=key.client_id, confirm="yes"))
    assert key.client_id not in browser.get("/hub/beamside/me").text
    with pytest.raises(NotSignedIn):
        asyncio.run(KeyToken(key, token_url)())


def test_what_is_of_use_to_operators_alone_is_offered_to_nobody_else(browser: httpx.Client) -> None:
    """Ana is no operator; what the site does not let keys hold is offered to neither."""
    page = browser.get("/hub/beamside/me").text
    shown = [name for name, _ in offered(frozenset({"jobs", "status:manage"}), is_operator=True)]

    assert 'name="scopes" value="jobs"' in page
    assert ":manage" not in page
    assert ["jobs", "status:manage"] == shown


def test_a_refused_key_says_why_and_keeps_what_was_typed(browser: httpx.Client) -> None:
    """Each slip names its field; nothing is registered."""
    nothing = post(browser, act="register", name="n", days="5")
    long = post(browser, act="register", name="mine too long", scopes=["jobs"], days="100000")
    wrong = post(browser, act="register", name="odd", scopes=["jobs"], days="5", public_key="not a key")

    assert [400, 400, 403] == [page.status_code for page in (nothing, long, wrong)]
    assert "scopes: tick at least one" in said(nothing)
    assert "days: a key lives 1 to 60 days here" in said(long)
    assert 'value="mine too long"' in long.text
    assert re.search(r'value="jobs" id="[^"]+" checked', long.text)
    assert "not a key" in wrong.text
    listed = browser.get("/hub/beamside/me").text
    assert not any(f"<strong>{name}</strong>" in listed for name in ("n", "mine too long", "odd"))


def test_a_second_sign_in_is_unlinked_and_never_the_one_in_use(
    hub: HubAtWork, browser: httpx.Client, register: Callable[..., None]
) -> None:
    """With one's word only, and not so that nobody could enter any more."""
    in_use = {"iss": hub.plan.issuer, "sub": hub.subjects["ana"]}
    alone = browser.get("/hub/beamside/me").text
    own = post(browser, act="unlink", confirm="yes", **in_use)
    register("link", f"--iss={OTHER}", "--sub=ana-elsewhere-with-a-long-name", f"--user={hub.user}")
    two = browser.get("/hub/beamside/me").text
    unsure = post(browser, act="unlink", iss=OTHER, sub="ana-elsewhere-with-a-long-name")
    done = post(browser, act="unlink", iss=OTHER, sub="ana-elsewhere-with-a-long-name", confirm="yes")

    assert "Unlink it" not in alone
    assert "You are signed in by this one." in alone
    assert (400, 400, 200) == (own.status_code, unsure.status_code, done.status_code)
    assert "you are signed in by this one" in said(own)
    assert "ana-elsewher…" in two
    assert 1 == two.count("Unlink it")
    assert "no longer leads to your account" in said(done)
    assert OTHER not in done.text


def test_forms_of_other_sites_strangers_and_tokens_do_nothing(hub: HubAtWork, browser: httpx.Client) -> None:
    """Without the page's own token, without a session, or with a server's token nothing is told or done."""
    fields = {"act": "register", "name": "x", "scopes": "jobs", "days": "5"}
    made = hub.api("POST", f"/users/{hub.user}/tokens", {"note": "t"}).json()["token"]
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=30) as stranger:
        by_token = stranger.get("/hub/beamside/me", headers={"Authorization": f"token {made}"})
        sent_away = stranger.get("/hub/beamside/me")
        foreign = stranger.post("/hub/beamside/me", data=fields)

    assert 403 == browser.post("/hub/beamside/me", data=fields).status_code
    assert (302, 302, 403) == (by_token.status_code, sent_away.status_code, foreign.status_code)
    assert 400 == post(browser, act="rm -rf").status_code
    assert "<strong>x</strong>" not in browser.get("/hub/beamside/me").text


def test_the_page_comes_while_the_facility_is_down(hub: HubAtWork, browser: httpx.Client) -> None:
    """It says what is not known, and that nothing was changed."""
    browser.get("/hub/beamside/me")
    hub.kill("facility")

    page = browser.get("/hub/beamside/me")

    assert 200 == page.status_code
    assert "Not known right now." in page.text
    assert "You have none." not in page.text
