"""A real browser for the tests that need one: started once a module, a fresh profile for each test."""

from __future__ import annotations

import pytest
from playwright.sync_api import sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# A question that a newer one replaced: htmx says so aloud.
REPLACED = ("htmx:sendAbort", "htmx:afterRequest")


def is_problem(message) -> bool:
    return message.type == "error" and not message.text.startswith(REPLACED)


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def make_page(browser, live_server):
    """Opens a page in a profile of its own. `problems` is what the browser complained of."""
    contexts = []

    def make(**options):
        context = browser.new_context(
            **{"base_url": live_server.url, "locale": "en-GB", "viewport": {"width": 1440, "height": 900}} | options
        )
        contexts.append(context)
        opened = context.new_page()
        opened.problems = []
        opened.on("console", lambda message: opened.problems.append(message.text) if is_problem(message) else None)
        opened.on("pageerror", lambda error: opened.problems.append(str(error)))
        return opened

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(make_page):
    return make_page()


@pytest.fixture
def sign_in():
    """Signs a reviewer in; their case page is what follows."""

    def signed_in(page, user):
        page.goto("/sign-in/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill("a long password 1")
        page.keyboard.press("Enter")
        page.wait_for_url("**/review/")

    return signed_in
