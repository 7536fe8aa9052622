"""The hub's pages as a person uses them: sign in, the spawn form, the progress page, stop."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

TELL_PROGRESS = """
() => {
  if (!location.pathname.includes('/hub/spawn-pending/')) return;
  const told = JSON.parse(sessionStorage.getItem('told') || '[]');
  new MutationObserver(() => {
    const words = document.getElementById('progress-message')?.textContent?.trim();
    if (words && told[told.length - 1] !== words) {
      told.push(words);
      sessionStorage.setItem('told', JSON.stringify(told));
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
}
"""
"""Keeps every sentence of the progress page, which goes on to the server by itself and may be gone in a second."""


def sign_in(page: Page, hub: str, login: str, password: str) -> None:
    """From the hub's first page through the institution's sign-in back to the hub."""
    page.goto(hub)
    begin = page.get_by_role("link", name=re.compile("sign in", re.I)).or_(
        page.get_by_role("button", name=re.compile("sign in", re.I))
    )
    name = page.get_by_label("User name")
    expect(begin.or_(name).first).to_be_visible()
    if not name.is_visible():
        begin.first.click()
    name.fill(login)
    page.get_by_label("Password").fill(password)


def submit_sign_in(page: Page, hub: str) -> None:
    """Send the institution's form; the hub's own pages follow."""
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(re.escape(hub) + r"hub/(spawn|home)"))


def open_form(page: Page, hub: str) -> None:
    """The spawn form."""
    page.goto(f"{hub}hub/spawn")
    expect(page.get_by_role("group", name="Reservation")).to_be_visible()


def read_form(page: Page) -> dict[str, list[str]]:
    """What the form offers: values of each field, and the badges beside the reservations."""
    shown: dict[str, list[str]] = page.evaluate(
        """() => {
          const form = document.querySelector('form#spawn_form');
          const radios = (name) => [...form.querySelectorAll(`input[name=${name}]`)].map((one) => one.value);
          const options = (name) => [...form.querySelectorAll(`select[name=${name}] option`)].map((one) => one.value);
          const badges = [...form.querySelectorAll('input[name=reservation]')].map(
            (one) => one.closest('label').querySelector('.bs-badge')?.textContent ?? '');
          return { reservation: radios('reservation'), badge: badges, partition: radios('partition'),
                   image: radios('image'), account: options('account'), qos: radios('qos') };
        }"""
    )
    return shown


def choose(page: Page, *, reservation: str, account: str, qos: str, walltime: str) -> None:
    """Fill in the form."""
    page.locator(f'input[name="reservation"][value="{reservation}"]').check()
    page.get_by_label("Account to charge").select_option(account)
    page.locator(f'input[name="qos"][value="{qos}"]').check()
    page.get_by_label("Walltime").fill(walltime)
    page.get_by_label("Walltime").blur()
    page.evaluate("scrollTo(0, 0)")


def read_cost(page: Page, walltime: str) -> str:
    """What the form says that a request of this walltime costs, once it says it, and what its account has left."""
    sentence = re.compile(rf"^At most .* × {re.escape(walltime)}.* left\.$")
    told = page.get_by_role("region", name="This request").get_by_text(sentence)
    expect(told).to_be_visible(timeout=60_000)
    return told.inner_text()


def start(page: Page) -> None:
    """Press Start; the progress page follows."""
    page.locator("form#spawn_form").get_by_role("button", name="Start", exact=True).last.click()
    page.wait_for_url(re.compile(r"/hub/spawn-pending/|/user/"))


def wait_for_reason(page: Page) -> re.Match[str]:
    """Wait until the progress page names job, state and reason; a match of job and reason."""
    message = page.locator("#progress-message")
    sentence = re.compile(r"Job (\d+) is waiting in the queue \(PENDING\)\. (\S.*)")
    expect(message).to_have_text(sentence, timeout=60_000)
    found = sentence.search(message.inner_text())
    assert found is not None  # noqa: S101 - expected just before
    return found


def told(page: Page) -> list[str]:
    """Every sentence of the progress page, in order."""
    sentences: list[str] = page.evaluate("() => JSON.parse(sessionStorage.getItem('told') || '[]')")
    return sentences


def stop_server(page: Page, hub: str) -> None:
    """Stop the server on the hub's home page, and wait until the hub says that it is gone."""
    page.goto(f"{hub}hub/home")
    page.locator("#stop").click()
    expect(page.locator("#start")).to_have_text(re.compile("Start My Server"), timeout=60_000)


def server_of(page: Page, hub: str, user: str) -> dict[str, Any]:
    """What the hub's API says of this user, asked with the page's own cookies."""
    answer: dict[str, Any] = page.request.get(f"{hub}hub/api/users/{user}").json()
    return answer
