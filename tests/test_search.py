"""SKUs are found by any word or code of theirs, in every language, as soon as they are stored."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from alignment import catalogue, search
from alignment.importing import inline
from alignment.importing.rows import Listing
from alignment.models import SKU, SearchText, Source
from tests import factories

pytestmark = pytest.mark.django_db


def listing(external_id: str, title: str, **fields: object) -> Listing:
    values = {"language": "", "description": "", "attributes": {}, "gtin": "", "url": "", "image_url": "", "category": ""}
    return Listing(external_id=external_id, title=title, **values | fields)


def store(*listings: Listing, source: str = "Shop A") -> None:
    Source.objects.get_or_create(name=source, defaults={"language": "en"})
    with transaction.atomic():
        inline.upsert({source: [inline.PartialListing(one, frozenset(vars(one))) for one in listings]})


def found(text: str) -> list[str]:
    return [sku.external_id for sku in search.find(text, most=20)]


@pytest.mark.parametrize(
    "asked",
    [
        "婴儿推车",
        "推车",
        "折叠 婴儿",
        "niños",
        "ninos",
        "KOPFHÖRER",
        "kopfhorer",
        "réduction",
        "reduction bruit",
        "wh-1000xm4",
        "WH1000XM4",
        "wh1000",
        "4006381333931",
        "400638",
        "1,7 l",
        "1.7L",
        "８８１２",
        "a/8812-x",
        "edelsta",
        "weiß",
        "weiss",
    ],
)
def test_a_sku_is_found_by_any_word_or_code_of_it(asked):
    title = "可折叠婴儿推车 carrito niños Kopfhörer casque réduction de bruit 1,7 L"
    store(
        listing("A/8812-X", title, gtin="4006381333931", attributes={"model": "WH-1000XM4", "colour": "Weiß", "Material": "Edelstahl"}),
        listing("other", "Toaster"),
    )
    assert found(asked) == ["A/8812-X"]


@pytest.mark.parametrize(
    "asked", ["", "   ", "!?", "'", '"', "a' | 'b", 'x" OR "y', "*", ":*", "\x00", "\ud800", "NEAR(", "x" * 5000, "a " * 500]
)
def test_whatever_is_typed_is_no_query_language(asked):
    store(listing("1", "Kettle"))
    assert found(asked) == []


def test_all_words_must_be_there():
    store(listing("1", "red kettle"), listing("2", "red toaster"))
    assert found("red kettle") == ["1"]


def test_the_very_code_comes_first_then_titles_that_hold_the_words():
    store(listing("kettle", "Toaster"), listing("2", "Mug", attributes={"goes with": "kettle"}), listing("3", "Kettle"))
    assert found("kettle") == ["kettle", "3", "2"]


def test_a_changed_listing_is_found_by_what_it_says_now():
    store(listing("1", "Kettle"))
    store(listing("1", "Toaster"))
    assert found("kettle") == []
    assert found("toaster") == ["1"]


def test_a_corrected_language_changes_nothing_about_finding():
    store(listing("1", "Kettle"))
    catalogue.correct_language(sku=SKU.objects.get(), language="de", user=factories.make_admin())
    assert found("kettle") == ["1"]


def test_the_index_is_made_anew_by_a_command():
    factories.make_sku("Samowar")
    assert found("samowar") == []
    call_command("rebuild_search", stdout=io.StringIO())
    assert len(found("samowar")) == 1


def test_a_deleted_row_is_found_no_more():
    store(listing("1", "Kettle"))
    SearchText.objects.all().delete()
    assert found("kettle") == []


class Titles(TestCase):
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12), min_size=1, max_size=4))
    def test_a_title_is_found_by_itself_and_by_each_of_its_words(self, words):
        title = " ".join(words).strip()
        if not title:
            return
        store(listing("1", title))
        for asked in (title, *words):
            assert not search.read(asked) or found(asked) == ["1"], asked
