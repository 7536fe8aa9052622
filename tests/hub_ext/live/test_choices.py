"""The form's buttons that start nothing, and those that start again, at a real hub without JavaScript."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from beamside.demo.processes import wait_until

if TYPE_CHECKING:
    from tests.hub_ext.conftest import HubAtWork

pytestmark = pytest.mark.slurm


def address(browser: httpx.Client, attribute: str) -> str:
    """Where the form posts, with the hub's own word: its "action", or its buttons' "formaction"."""
    found = re.search(rf' {attribute}="([^"]+_xsrf=[^"]+)"', browser.get("/hub/spawn").text)
    assert found, "no such attribute on the form"
    return html.unescape(found[1])


def press(browser: httpx.Client, **fields: str) -> str:
    """Post the form by one of its buttons that start nothing; the page that comes back, as text."""
    reply = browser.post(address(browser, "formaction"), data=fields)
    assert 200 == reply.status_code, reply.text
    return html.unescape(reply.text)


def test_a_preview_shows_cost_and_command_and_starts_nothing(hub: HubAtWork, browser: httpx.Client) -> None:
    """The choices stay in the form; sbatch's arguments and the operator's script stand below it."""
    before = hub.all_jobs_ever()

    page = press(browser, preview="1", walltime="0:07", nodes="2", reservation="ncem-tonight")

    assert {"--time=0-00:07:00", "--nodes=2", "--reservation=ncem-tonight"} <= set(page.split())
    assert "trap" in page.partition("What will be submitted")[2]
    assert re.search(r"At most 0\.23 node hours of ncem: 2 nodes × 0:07\. (10000|99\d\d) node hours left\.", page)
    assert 'value="0:07"' in page
    assert before == hub.all_jobs_ever()
    assert [] == hub.query("SELECT nonce FROM intents WHERE closed IS NULL")


def test_a_preview_of_what_is_refused_marks_the_field(hub: HubAtWork, browser: httpx.Client) -> None:
    """As a start would, but nothing was tried."""
    page = press(browser, preview="1", walltime="99:00")

    assert "a notebook here may last 12:00; ask for that or less" in page
    assert "--time=" not in page


def test_saved_choices_start_with_one_click_for_any_server(hub: HubAtWork, browser: httpx.Client) -> None:
    """Saved without a start, started by their card from a named server's form too, and deleted again."""
    assert "Saved as night run." in press(browser, save="1", preset_name=" night  run", walltime="0:07", nodes="2")
    assert [] == hub.jobs()

    form = browser.get(f"/hub/spawn/{hub.user}/second").text
    action = re.search(r' action="([^"]+)"', form)
    assert action
    reply = browser.post(html.unescape(action[1]), data={"again": "night run", "nodes": "1"}, follow_redirects=False)

    assert 302 == reply.status_code, reply.text
    wait_until(hub.jobs, seconds=60, otherwise=lambda: hub.log("hub"))
    assert "2 7:00" == hub.slurm.run("squeue", "-h", "-j", hub.jobs()[0][0], "-o", "%D %l").strip()
    assert "As last time" in browser.get("/hub/spawn").text
    assert "night run is deleted." in press(browser, forget="night run")
    assert "Start again: night run" not in browser.get("/hub/spawn").text


def test_only_the_hubs_own_page_may_press_a_button(hub: HubAtWork, browser: httpx.Client) -> None:
    """Another site's form is refused, whatever the browser sends with it; so is a stranger's."""
    reply = browser.post("/hub/beamside/choices", data={"save": "1", "preset_name": "evil"})

    assert 403 == reply.status_code
    assert "evil" not in browser.get("/hub/spawn").text


def test_what_is_not_there_starts_nothing(hub: HubAtWork, browser: httpx.Client) -> None:
    """A card that was deleted in another tab says so."""
    reply = browser.post(address(browser, "action"), data={"again": "gone"})

    assert 400 == reply.status_code
    assert "there are no choices of that name any more; nothing was started" in reply.text
    assert [] == hub.jobs()


def test_slurm_writes_to_the_person_when_the_job_starts(hub: HubAtWork, browser: httpx.Client) -> None:
    """Whoever asked for it may close every page: the mail comes from Slurm itself, to the job's own user."""
    assert "Tell me by e-mail when it starts" in browser.get("/hub/spawn").text
    browser.post(address(browser, "action"), data={"mail": "start", "walltime": "0:07"}, follow_redirects=False)
    job = hub.wait_serving(60)

    mails = hub.slurm.directory / "log" / "mail"
    begun = re.compile(rf"^{hub.user}\t.*Job_id={job}\b.*Began", re.M)
    wait_until(
        lambda: mails.exists() and bool(begun.search(mails.read_text())), seconds=60, otherwise=lambda: hub.log("hub")
    )
    sent = [line for line in mails.read_text().splitlines() if f"Job_id={job} " in line]
    assert 1 == len(sent)


def test_an_environment_is_prepared_by_the_operators_lines(hub: HubAtWork, browser: httpx.Client) -> None:
    """The person chose a name; the job runs the lines of facility.toml, and the hub's own PATH does not undo them."""
    browser.post(address(browser, "action"), data={"image": "tools", "walltime": "0:07"}, follow_redirects=False)
    job = hub.wait_serving(60)

    script = hub.slurm.run("scontrol", "write", "batch_script", job, "-", user=hub.user)
    served = f"http://127.0.0.1:{hub.ports.proxy}/user/{hub.user}"

    assert script.index("export TOOLS=prepared") < script.index(" serve ")
    assert "prepared" == httpx.get(f"{served}/tools", trust_env=False, timeout=30).text
    assert httpx.get(f"{served}/path", trust_env=False, timeout=30).text.startswith("/opt/tools/bin:")
    assert httpx.get(f"{served}/warning", trust_env=False, timeout=30).text == "60"
    with httpx.Client(base_url=hub.plan.hub_url, cookies=browser.cookies, trust_env=False, timeout=60) as other:
        assert "used last" in other.get(f"/hub/spawn/{hub.user}/second").text
