"""The category tree over HTTP: shown with its counts, changed only after what follows was shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alignment import category_tree
from alignment.models import Category, CategoryChange, User
from review import category_rows
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(factories.make_admin())
    return client


def at(path: str) -> Category:
    return Category.objects.get(path=path)


def change(path: str, act: str, to: str, client: Client, *, post: bool = False) -> Any:
    address = f"/catalogue/categories/{at(path).pk}/change/"
    return client.post(address, {"act": act, "to": to}) if post else client.get(address, {"act": act, "to": to})


def test_the_tree_shows_what_each_category_holds_and_its_own_policy(client: Client) -> None:
    for path, count in (("Baby", 1), ("Baby > Strollers", 2), ("Baby - outlet", 0)):
        for _ in range(count):
            factories.make_sku(category=factories.make_category(path))
        factories.make_category(path)
    factories.make_policy(at("Baby"), instruction="Same?")
    rows = client.get("/catalogue/categories/").context["tree"].rows
    told = [(row.category.path, row.depth, row.own, row.below, row.policy) for row in rows]
    assert told[1:] == [("Baby", 1, 1, 3, 1), ("Baby > Strollers", 2, 2, 2, None), ("Baby - outlet", 1, 0, 0, None)]
    assert told[0][:4] == ("", 0, 0, 3)


def test_what_was_counted_a_moment_ago_is_counted_again_once_a_listing_came_or_moved(client: Client) -> None:
    def held() -> dict[str, int]:
        return {row.category.path: row.own for row in client.get("/catalogue/categories/").context["tree"].rows[1:]}

    factories.make_sku(category=factories.make_category("Baby")), factories.make_sku(category=factories.make_category("Prams"))
    assert held() == {"Baby": 1, "Prams": 1}
    factories.make_sku(category=at("Baby"))
    assert held() == {"Baby": 2, "Prams": 1}
    change("Prams", "merge", "Baby", client, post=True)
    assert held() == {"Baby": 3}


def test_the_listings_are_counted_once_until_one_changes(client: Client, django_assert_num_queries: Any) -> None:
    factories.make_sku(category=factories.make_category("Baby"))
    with CaptureQueriesContext(connection) as first:
        client.get("/catalogue/categories/")
    with django_assert_num_queries(len(first) - 1):
        client.get("/catalogue/categories/")


def test_what_follows_is_shown_before_anything_is_done(client: Client) -> None:
    factories.make_policy(factories.make_category("Power"), accept_at=0.75)
    category = factories.make_category("Gadgets > <b>Chargers</b>")
    left, right = (factories.make_sku(category=category) for _ in range(2))
    factories.make_pair(0.8, left=left, right=right)
    from alignment import rollout

    while rollout.advance():
        factories.score_waiting_sets(0.8)
    page = change(category.path, "move", "Power", client).content.decode()
    assert "2 listings are in it" in page and "1 pair is scored anew" in page and "&lt;b&gt;Chargers&lt;/b&gt;" in page
    assert not CategoryChange.objects.exists()
    factories.score_waiting_sets(0.8)
    answer = change(category.path, "move", "Power", client, post=True)
    assert answer.status_code == 302
    assert Category.objects.filter(path="Power > <b>Chargers</b>").exists()


def test_a_move_onto_the_same_name_offers_a_merge(client: Client) -> None:
    factories.make_category("Baby > Prams"), factories.make_category("Kids > Prams")
    page = change("Kids > Prams", "move", "Baby", client)
    assert page.status_code == 422
    assert "act=merge&amp;to=Baby%20%3E%20Prams" in page.content.decode()
    change("Kids > Prams", "merge", "Baby > Prams", client, post=True)
    assert not Category.objects.filter(path="Kids > Prams").exists()


def test_categories_are_added_renamed_and_deleted(client: Client) -> None:
    client.post(f"/catalogue/categories/{at('').pk}/add/", {"name": "Lamps"})
    change("Lamps", "rename", "Lights", client, post=True)
    assert "Lamps" in client.get(f"/catalogue/categories/{at('Lights').pk}/").content.decode(), "what it was called before"
    client.post(f"/catalogue/categories/{at('Lights').pk}/delete/")
    assert list(Category.objects.values_list("path", flat=True)) == [""]


@pytest.mark.parametrize(
    ("act", "to", "words"),
    [
        ("move", "Nowhere", "no such category"),
        ("rename", "a > b", "cannot hold"),
        ("merge", "", "need a category with a name"),
        ("melt", "x", "no such category"),
    ],
)
def test_what_cannot_be_is_told_where_it_was_asked(client: Client, act: str, to: str, words: str) -> None:
    factories.make_category("Baby > Strollers")
    for post in (False, True):
        page = change("Baby > Strollers", act, to, client, post=post)
        assert page.status_code == 422 and words in page.content.decode()


@pytest.mark.parametrize(
    ("act", "to", "led"), [("rename", "Kids", "category"), ("move", "Home", "category"), ("merge", "Home", "categories")]
)
def test_what_is_pressed_twice_is_done_once(client: Client, act: str, to: str, led: str) -> None:
    baby, _home = factories.make_category("Baby"), factories.make_category("Home")
    address = reverse("category-change", args=[baby.pk])
    assert client.post(address, {"act": act, "to": to}).status_code == 302
    again = client.post(address, {"act": act, "to": to})
    assert again.url == reverse(led, args=[baby.pk] if led == "category" else [])
    assert CategoryChange.objects.count() == 1


@pytest.mark.parametrize(("act", "to"), [("rename", "Kids"), ("move", "Home"), ("merge", "Home")])
def test_what_is_pressed_twice_at_once_is_done_once(client: Client, monkeypatch: pytest.MonkeyPatch, act: str, to: str) -> None:
    baby, _home = factories.make_category("Baby"), factories.make_category("Home")
    original = category_tree.apply

    def other_first(plan: category_tree.Plan, *, user: User) -> CategoryChange:
        original(plan, user=user)
        return original(plan, user=user)

    monkeypatch.setattr(category_tree, "apply", other_first)
    assert client.post(reverse("category-change", args=[baby.pk]), {"act": act, "to": to}).status_code == 302
    assert CategoryChange.objects.count() == 1


def test_a_change_left_to_a_worker_and_pressed_twice_leads_to_its_run(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(category_tree, "SETS_DONE_AT_ONCE", -1)
    factories.make_category("Baby"), factories.make_category("Kids")
    led = [change("Baby", "merge", "Kids", client, post=True).url for _press in range(2)]
    assert led == [reverse("run", args=[CategoryChange.objects.get().uuid])] * 2


@pytest.mark.parametrize("name", ["category-change", "category-add", "category-delete"])
def test_a_category_that_is_gone_leads_to_the_tree(client: Client, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    baby = factories.make_category("Baby")
    original = category_tree.add

    def other_first(**asked: Any) -> Category:
        category_tree.delete(category=baby, user=factories.make_admin())
        return original(**asked)

    monkeypatch.setattr(category_tree, "add", other_first)
    client.post(reverse("category-delete", args=[baby.pk])) if name != "category-add" else None
    page = client.post(reverse(name, args=[baby.pk]), {"act": "rename", "to": "Kids", "name": "Strollers"}, follow=True)
    assert page.redirect_chain == [(reverse("categories"), 302)] and "That category is gone" in page.content.decode()


def test_a_large_tree_is_shown_a_part_at_a_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(category_rows, "MOST_ROWS", 6)
    for top in "abcd":
        for leaf in "xyz":
            factories.make_category(f"{top} > {leaf}")
    tree = client.get("/catalogue/categories/").context["tree"]
    assert [(row.category.path, row.hidden) for row in tree.rows] == [("", 0), ("a", 3), ("b", 3), ("c", 3), ("d", 3)]
    part = client.get("/catalogue/categories/", {"at": at("b").pk}).context["tree"]
    assert [row.category.path for row in part.rows] == ["b", "b > x", "b > y", "b > z"]
    assert client.get("/catalogue/categories/", {"at": "999999999"}).status_code == 404


def test_pages_ask_a_constant_number_of_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    for top in "abcd":
        for leaf in "xyz":
            factories.make_sku(category=factories.make_category(f"{top} > {leaf}"))
    for address in ("/catalogue/categories/", f"/catalogue/categories/{at('a').pk}/"):
        with django_assert_max_num_queries(12):
            client.get(address)
    factories.make_category("e")
    factories.make_policy(at("a > x"), accept_at=0.95)
    factories.make_policy(at("e"), instruction="Are they the same {category}?")
    # With one of the test's own, which looks the category up.
    for path, act, to in (("a", "move", "e"), ("b", "merge", "e"), ("c", "rename", "f")):
        with django_assert_max_num_queries(1 + 12):
            assert change(path, act, to, client).status_code == 200


def test_the_tree_is_changed_by_admins_only(client: Client) -> None:
    factories.make_category("Baby")
    client.force_login(factories.make_reviewer())
    assert client.get("/catalogue/categories/").status_code == 403
    assert change("Baby", "rename", "Infants", client, post=True).status_code == 403
