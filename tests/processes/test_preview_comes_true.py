"""With real workers: what a policy's preview says of a shop's file is what publishing it then does, and undoing it undoes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.processes.conftest import Site, until
from tests.review.conftest import FLAGS

pytestmark = [pytest.mark.processes, pytest.mark.browser]
PHONES = "Apple iPhone 8 Plus 64GB", "Samsung Galaxy S9 64GB", "Huawei P20 Pro 128GB", "Sony Xperia XZ2 Compact", "Nokia 8 Sirocco 128GB"
WASHERS = "Bosch WAW28750GB 9kg 1400rpm", "Miele WDD020 8kg 1400rpm", "AEG L7FEE865R 8kg"


def offers(path: Path) -> None:
    """As a price comparison exports them: its own names of columns, some with a blank before them, and numbers that mean nothing here."""
    rows = [(name, label, "Mobile Phones") for name in PHONES for label in (f"{name} silver", f"{name.lower()} sim free black")]
    rows += [(name, label, "Washing Machines") for name in WASHERS for label in (f"{name} white", f"{name} washing machine")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Product ID", "Product Title", " Merchant ID", " Cluster ID", " Cluster Label", " Category Label"])
        for number, (name, label, category) in enumerate(rows, 1):
            writer.writerow([number, label, number % 4, 1000 + number // 2, name, category])


@pytest.fixture
def page(chromium: Path, site: Site) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=FLAGS)
        context = browser.new_context(base_url=f"http://127.0.0.1:{site.port}", locale="en-GB", viewport={"width": 1440, "height": 900})
        yield context.new_page()
        browser.close()


def queued(page: Page) -> dict[str, int]:
    """The open pairs of each category, as the queues page counts them."""
    page.goto("/queues/")
    rows = page.locator("main tbody tr")
    return {row.locator("th").inner_text(): int(row.locator("td").nth(1).inner_text()) for row in rows.all()}


def waiting(site: Site) -> int:
    return int(site.rows("SELECT count(*) FROM alignment_pair WHERE in_review")[0][0])


def recounted(site: Site, page: Page) -> dict[str, int]:
    """As the next count, which comes every quarter of a minute, will have it: one made before may be of when
    half was scored, and right after one none is made."""
    site.shell("from review import queue_counts\nqueue_counts.count()")
    return queued(page)


def test_what_a_policy_would_do_is_what_the_workers_then_do_to_a_shops_file(site: Site, page: Page, tmp_path: Path) -> None:
    offers(tmp_path / "pricerunner.csv")
    site.environment["SAMPLE"] = "no"
    site.start("manage.py", "start")
    until(site.answers, what="the web server answers")

    page.goto("/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(site.password("admin"))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)

    page.goto("/imports/")
    page.get_by_label("Catalogue file").set_input_files(tmp_path / "pricerunner.csv")
    page.locator("form.fields").get_by_label("Source").fill("PriceRunner")
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_label("Title", exact=True).locator("option:checked")).to_have_text("Product Title")
    page.wait_for_load_state()
    page.get_by_label("Category", exact=True).select_option(label="Category Label")
    expect(page.get_by_role("cell", name="Mobile Phones").first).to_be_visible()
    page.get_by_label("Language of the listings").select_option(label="English")
    expect(page.get_by_role("cell", name="English").first).to_be_visible()
    page.get_by_role("button", name="Import 16 rows").click()
    expect(page.get_by_text("Candidates are proposed for it next")).to_be_visible(timeout=30_000)

    page.get_by_role("main").get_by_role("link", name="Scoring").click()
    until(lambda: page.reload() is not None and page.get_by_text("16 of 16 candidate sets scored").count() > 0, what="scores")
    until(lambda: sum(recounted(site, page).values()) == waiting(site) > 5, what="what waits for people is counted")
    before = queued(page)
    assert before["Mobile Phones"] > 5

    page.goto("/policies/")
    page.get_by_role("link", name="Mobile Phones").first.click()
    page.wait_for_load_state()
    page.get_by_label("Accept at and over").fill("0.03")
    page.get_by_label("Review at and over").fill("0.02")
    page.get_by_label("Instruction").fill("Are both listings the same phone, with the same storage?")
    page.get_by_label("Why").fill("phones are told apart well")
    expect(page.locator("#queue")).to_contain_text("→")
    waits, then = (int(number) for number in page.locator("#queue").inner_text().split(" → "))
    expect(page.get_by_text("are scored anew under the new instruction")).to_be_visible()
    expect(page.locator(".tried tbody tr")).to_have_count(5, timeout=30_000)
    page.get_by_role("button", name="Publish version 1").click()
    expect(page.get_by_text("Version 1 is published")).to_be_visible()
    told = sum(before.values()) + then - waits
    assert told != sum(before.values())
    until(lambda: sum(recounted(site, page).values()) == told, what=f"{told} pairs wait, as was told before")

    page.goto("/policies/")
    page.get_by_role("link", name="Mobile Phones").first.click()
    page.get_by_role("link", name="Inherit again").click()
    expect(page.locator("#queue")).to_have_text(f"{then} → {waits}")
    page.get_by_role("button", name="Inherit again").click()
    until(lambda: recounted(site, page) == before, what="the queue is what it was")
