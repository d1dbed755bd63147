"""The category tree by keys: arrows walk it, one key takes a category along, and what is done is said."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
TREE = ["All categories", "Garden", "Hoses", "Kitchen", "Kettles", "Toys"]


@pytest.fixture
def tree(page: Any) -> Any:
    for path in ("Garden > Hoses", "Kitchen > Kettles", "Toys"):
        factories.make_category(path)
    page.goto("/sign-in/?next=/catalogue/categories/")
    page.get_by_label("Username").fill(factories.make_admin().username)
    page.get_by_label("Password").fill("a long password 1")
    # The address of the first page ends as that of the second does: it is the second one's load that is waited for, with its script.
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.set_default_timeout(10_000)
    page.get_by_role("link", name="Garden", exact=True).focus()
    return page


def here(page: Any) -> str:
    return str(page.evaluate("document.activeElement.textContent"))


def press(page: Any, *keys: str) -> str:
    for key in keys:
        page.keyboard.press(key)
    return here(page)


def test_arrows_walk_it_and_end_where_it_ends(tree: Any) -> None:
    assert [press(tree, key) for key in ("Home", "ArrowUp")] == ["All categories"] * 2
    assert [here(tree), *(press(tree, "ArrowDown") for _ in TREE[1:])] == TREE
    assert press(tree, "ArrowDown") == "Toys" and press(tree, "Home") == "All categories" and press(tree, "End") == "Toys"


def test_right_goes_below_and_left_above(tree: Any) -> None:
    assert press(tree, "ArrowRight") == "Hoses" and press(tree, "ArrowRight") == "Hoses"
    assert press(tree, "ArrowLeft") == "Garden" and press(tree, "ArrowLeft") == "All categories"


def test_what_a_readers_program_hears_is_a_tree(tree: Any) -> None:
    grid = tree.get_by_role("treegrid", name="Categories")
    levels = grid.locator("tbody tr").evaluate_all("rows => rows.map((row) => row.getAttribute('aria-level'))")
    assert levels == ["1", "2", "3", "2", "3", "2"]


def test_a_category_is_taken_to_another_place_and_what_follows_is_shown_first(tree: Any) -> None:
    press(tree, "ArrowRight", "m")
    expect(tree.get_by_role("status").filter(has_text="Hoses is picked up")).to_be_visible()
    press(tree, "ArrowDown")
    expect(tree.get_by_role("status").filter(has_text="Below Kitchen")).to_be_visible()
    tree.keyboard.press("Enter")
    tree.wait_for_url("**/change/?act=move&to=Kitchen")
    expect(tree.get_by_role("heading", level=1)).to_contain_text("Hoses")
    assert tree.problems == []


def test_escape_puts_it_back_and_it_is_never_put_below_itself(tree: Any) -> None:
    press(tree, "m", "ArrowDown")
    expect(tree.get_by_role("status").filter(has_text="cannot go there")).to_be_visible()
    before = tree.url
    press(tree, "Enter")
    assert tree.url == before and here(tree) == "Hoses"
    assert press(tree, "Escape") == "Garden"
    expect(tree.get_by_role("status").filter(has_text="Garden stays where it is")).to_be_visible()
    press(tree, "Home", "m")
    expect(tree.locator(".carried")).to_have_count(0)


def test_enter_opens_a_category_as_ever(tree: Any) -> None:
    tree.keyboard.press("Enter")
    tree.wait_for_url("**/catalogue/categories/*/")
