"""What a new user does: start it, watch the sample being scored, review by keyboard, export the groups."""

from __future__ import annotations

import csv
import json
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.processes.conftest import BASE, Site, until
from tests.review.conftest import FLAGS

pytestmark = [pytest.mark.processes, pytest.mark.browser]
# Clearing a queue to its end is what `tests/review/test_browser.py` does.
REVIEWED = 60
ROUTES = (
    "SELECT pair.route, one.external_id, other.external_id FROM alignment_pair pair "
    "JOIN alignment_sku one ON one.id = pair.left_id JOIN alignment_sku other ON other.id = pair.right_id"
)


def truth() -> dict[str, str]:
    """The product of each listing, by external id: each shop of the sample has its own prefix."""
    with (BASE / "alignment" / "sample" / "truth.csv").open(encoding="utf-8", newline="") as file:
        return {row["external_id"]: row["product"] for row in csv.DictReader(file)}


def groups(site: Site, token: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    url: str | None = f"http://127.0.0.1:{site.port}/api/v1/groups/"
    while url:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            page = json.load(answer)
        found += page["results"]
        url = page["next"]
    return found


def shares(site: Site, product: dict[str, str]) -> dict[str, tuple[int, float]]:
    """For each route, how many pairs it has and which share of them are the same product."""
    total: Counter[str] = Counter()
    same: Counter[str] = Counter()
    for route, left, right in site.rows(ROUTES):
        total[route] += 1
        same[route] += product[left] == product[right]
    return {route: (total[route], same[route] / total[route]) for route in total}


def open_pairs(site: Site) -> int:
    return int(site.rows("SELECT count(*) FROM alignment_pair WHERE in_review")[0][0])


def decide(page: Page, product: dict[str, str]) -> None:
    """Press what is right for the current pair, and wait until another is shown, or that nothing is left."""
    query, candidate = (page.locator(f"{side} .origin a").inner_text().removesuffix(" ↗") for side in (".query", ".candidate.current"))
    shown = page.locator(".candidate.current").get_attribute("id")
    page.keyboard.press("a" if product[query] == product[candidate] else "r")
    page.wait_for_function(
        "shown => { const now = document.querySelector('.candidate.current'); "
        "return now ? now.id !== shown : document.querySelector('.empty') }",
        arg=shown,
    )


def test_from_one_command_to_exported_groups(empty_site: Site, chromium: Path) -> None:
    empty_site.start("manage.py", "start")
    until(empty_site.answers, what="the web server answers")
    answered = time.monotonic()
    until(lambda: sum(empty_site.counts().values()) == 671 and empty_site.all_scored(), what="the sample is scored")
    product = truth()
    routes = shares(empty_site, product)
    print(f"\nThe sample was scored {time.monotonic() - answered:.0f} s after the server answered.")
    for route in ("accept", "review", "discard"):
        number, same = routes[route]
        print(f"  {route:8} {number:6} pairs, {same:6.1%} of them the same product")
    assert routes["accept"][1] >= 0.9
    assert routes["discard"][1] <= 0.1
    assert routes["accept"][1] > routes["review"][1] > routes["discard"][1]

    token = empty_site.manage("create_token", "admin", "--name", "test").strip()
    before = groups(empty_site, token)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        page = browser.new_page(base_url=f"http://127.0.0.1:{empty_site.port}", locale="en-GB")
        page.goto("/")
        page.keyboard.press("Tab")
        page.get_by_label("Username").fill("reviewer1")
        page.get_by_label("Password").fill(empty_site.password("reviewer1"))
        page.keyboard.press("Enter")
        page.wait_for_url("**/review/")
        open_before = open_pairs(empty_site)
        for _ in range(REVIEWED):
            decide(page, product)
        expect(page.locator("#review")).to_have_attribute("data-waiting", "0", timeout=60_000)
        open_after, reviewed = open_pairs(empty_site), groups(empty_site, token)
        page.keyboard.press("z")
        expect(page.locator(".candidate.current")).to_be_visible()
        browser.close()
    print(f"  {REVIEWED} verdicts given, which settled {open_before - open_after}; {len(before)} groups before, {len(reviewed)} after")
    assert open_before - open_after >= REVIEWED
    assert reviewed != before
    assert empty_site.rows("SELECT count(*) FROM alignment_decision WHERE verdict = 'withdraw'") == [(1,)]
    for group in reviewed:
        assert len(group["members"]) > 1
    empty_site.is_sound()
