"""The search page: what it finds, how it marks it, and what it says when there is nothing."""

from __future__ import annotations

import pytest
from django.urls import reverse

from alignment import decisions, search
from alignment.models import Group
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def reader(client):
    user = factories.make_reviewer()
    client.force_login(user)
    return user


def make(title, **fields):
    sku = factories.make_sku(title, **fields)
    search.index([sku])
    return sku


def look(client, words, **options):
    return client.get(reverse("search", query={"q": words}), **options).content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_it_finds_a_listing_and_marks_what_was_asked_for(client, language):
    make("可折叠婴儿推车 <i>Niños</i>", language="zh")
    shown = look(client, "婴儿推车", HTTP_ACCEPT_LANGUAGE=language)
    assert "可折叠<mark>婴儿推车</mark> &lt;i&gt;" in shown
    assert "<mark>Niños</mark>" in look(client, "ninos")


def test_htmx_gets_the_results_alone(client):
    make("Kettle")
    shown = look(client, "kettle", HTTP_HX_REQUEST="true")
    assert "<mark>Kettle</mark>" in shown and "<html" not in shown


def test_a_group_is_found_by_its_name_and_a_merged_one_leads_to_where_it_went(client, reader):
    pair = factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=reader)
    group = Group.objects.get()
    assert str(group) in look(client, f"g-{group.pk}")
    gone = Group.objects.create(uuid="6d1f2e7c-58a4-4a47-9d0e-6f1c3a0b9a55", born_at=1, changed_at=1, merged_into=group)
    assert str(group) in look(client, str(gone))
    assert str(group) in look(client, str(gone.uuid))


def test_a_listing_is_found_by_its_uuid(client):
    sku = make("Kettle")
    assert reverse("sku", args=[sku.uuid]) in look(client, str(sku.uuid))


@pytest.mark.parametrize("words", ["", "nothing-like-it", "<script>", "g-99999999999999999999"])
def test_it_says_so_when_nothing_is_there(client, words):
    assert "<script>alert" not in look(client, words)
    assert "empty" in look(client, words)


def test_many_matches_are_bounded_and_said_to_be(client):
    search.index([factories.make_sku("Kettle") for _ in range(51)])
    shown = look(client, "kettle")
    assert "the first 50" in shown
    assert shown.count("<mark>Kettle</mark>") == 50


def test_it_costs_few_queries(client, django_assert_max_num_queries):
    search.index([factories.make_sku("Kettle") for _ in range(5)])
    with django_assert_max_num_queries(8):
        look(client, "kettle")


def test_the_catalogue_is_narrowed_by_the_same_words(client):
    make("Kettle"), make("Toaster")
    page = client.get(reverse("catalogue", query={"q": "toast"}))
    assert [row.title for row, _cells in page.context["list"].rows] == ["Toaster"]
