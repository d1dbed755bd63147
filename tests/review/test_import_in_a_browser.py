"""A real browser: choose a file, set right what was not found, import it, and read the report; drag a category onto another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from alignment import importing
from alignment.models import SKU, Category, ImportRun
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
FEED = "art;label;EAN;Farbe\n1;Wasserkocher aus Edelstahl;4006381333931;rot\n2;Kabellose Kopfhörer;12;blau\n"


def sign_in_as_admin(page: Any) -> None:
    admin = factories.make_admin("boss")
    page.goto("/sign-in/")
    page.get_by_label("Username").fill(admin.username)
    page.get_by_label("Password").fill("a long password 1")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)


def test_a_file_is_looked_at_mapped_imported_and_reported(page: Any, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text(FEED)
    sign_in_as_admin(page)
    page.goto("/imports/")
    page.get_by_label("Catalogue file").set_input_files(tmp_path / "feed.csv")
    page.locator("form.fields").get_by_label("Source").fill("Kaufhof Nord")
    page.get_by_label("Then propose candidates").uncheck()
    page.get_by_role("button", name="Look at the file").click()
    expect(page.get_by_text("choose the column that holds it").first).to_be_visible()
    page.get_by_label("Number or id").select_option("art")
    page.get_by_label("Title", exact=True).select_option("label")
    expect(page.get_by_role("cell", name="Wasserkocher aus Edelstahl")).to_be_visible()
    page.get_by_label("Farbe").check()
    expect(page.get_by_role("cell", name="Farbe rot")).to_be_visible()
    expect(page.get_by_text("1 of these rows would be refused")).to_be_visible()
    assert not SKU.objects.exists()
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_text("Waits for a worker.")).to_be_visible()
    importing.resume(ImportRun.objects.get().pk)
    expect(page.get_by_role("heading", name="Rejected rows")).to_be_visible()
    expect(page.get_by_role("cell", name="EAN")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all as CSV").click()
    assert "not a GTIN" in Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert SKU.objects.get().attributes == {"Farbe": "rot"}
    assert page.problems == []


def test_columns_chosen_while_the_scripts_are_still_on_their_way_count(page: Any, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text(FEED)
    sign_in_as_admin(page)
    page.goto("/imports/")
    page.get_by_label("Catalogue file").set_input_files(tmp_path / "feed.csv")
    page.locator("form.fields").get_by_label("Source").fill("Kaufhof Nord")
    held: list[Any] = []
    page.route("**/page.js", lambda route: held.append(route))
    page.get_by_role("button", name="Look at the file").click()
    page.get_by_label("Number or id").select_option("art")
    page.get_by_label("Title", exact=True).select_option("label")
    expect(page.get_by_role("cell", name="Wasserkocher aus Edelstahl")).to_have_count(0)
    held[0].continue_()
    expect(page.get_by_role("cell", name="Wasserkocher aus Edelstahl")).to_be_visible()
    assert page.problems == []


def test_a_category_is_dragged_onto_another_and_what_follows_is_shown_first(page: Any) -> None:
    for path in ("Baby", "Toys > Prams"):
        factories.make_category(path)
    sign_in_as_admin(page)
    page.goto("/catalogue/categories/")
    page.get_by_role("row", name="Prams").drag_to(page.get_by_role("row", name="Baby"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Toys > Prams → Baby > Prams")
    assert Category.objects.filter(path="Toys > Prams").exists()
    page.get_by_role("button", name="Move Prams").click()
    expect(page.get_by_text("Toys > Prams is now Baby > Prams.")).to_be_visible()
    assert page.problems == []
