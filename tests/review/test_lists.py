"""What every list does, shown on the catalogue."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from playwright.sync_api import expect

from alignment.models import SKU, AuditEvent, Source
from review import keyset, lists
from review.views import skus
from tests import factories

MOMENT = timezone.now().replace(microsecond=0)
# Whole seconds, three digits and six: SQLite writes each of them in another length.
OFFSETS = st.sampled_from([timedelta(0), timedelta(milliseconds=250), timedelta(microseconds=250_001), timedelta(seconds=1)])


def walked(sources, *, field, descending, size, between=lambda: None, together=False):
    """Every row that a reader meets going forward, page by page, and every row met going back from the last page."""
    forward, cursor = [], ""
    while True:
        page = keyset.page(sources, field=field, descending=descending, size=size, after=cursor, together=together)
        forward.append(page)
        between()
        assert len(forward) < 200, "the walk does not end"
        if not page.after:
            break
        cursor = page.after
    back, page = [forward[-1].rows], forward[-1]
    while page.before:
        page = keyset.page(sources, field=field, descending=descending, size=size, before=page.before, together=together)
        back.append(page.rows)
        assert len(back) < 200, "the walk back does not end"
    return [row for page in forward for row in page.rows], [row for rows in reversed(back) for row in rows]


class Walks(TestCase):
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(OFFSETS, max_size=12), st.booleans(), st.integers(1, 5), st.sampled_from(["updated_at", "language", "pk", "delisted_at"])
    )
    def test_every_row_is_met_once_both_ways_in_any_order_whatever_ties(self, offsets, descending, size, field):
        source = Source.objects.create(name="Shop")
        for number, offset in enumerate(offsets):
            SKU.objects.create(
                source=source,
                external_id=str(number),
                title="Kettle",
                language="en" if number % 3 else "de",
                updated_at=MOMENT + offset,
                delisted_at=MOMENT + offset if number % 2 else None,
            )
        forward, back = walked([SKU.objects.all()], field=field, descending=descending, size=size)
        assert sorted(row.pk for row in forward) == sorted(SKU.objects.values_list("pk", flat=True))
        assert [row.pk for row in back] == [row.pk for row in forward]
        values = [(getattr(row, field) is not None, getattr(row, field), row.pk) for row in forward if getattr(row, field) is not None]
        assert values == sorted(values, reverse=descending)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(3, 10), st.integers(1, 3), st.booleans())
    def test_rows_that_come_meanwhile_make_none_met_twice_or_missed(self, count, size, descending):
        before = {factories.make_sku().pk for _ in range(count)}
        coming = iter(range(8))
        forward, _back = walked(
            [SKU.objects.all()],
            field="updated_at",
            descending=descending,
            size=size,
            between=lambda: next(coming, None) is not None and factories.make_sku(),
        )
        met = [row.pk for row in forward]
        assert len(met) == len(set(met))
        assert before <= set(met)

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.booleans(), OFFSETS), max_size=14), st.booleans(), st.integers(1, 4))
    def test_two_tables_are_walked_as_one(self, rows, descending, size):
        for here, offset in rows:
            if here:
                factories.make_sku(created_at=MOMENT + offset)
            else:
                AuditEvent.objects.create(action="test", subject="x", created_at=MOMENT + offset)
        forward, back = walked([SKU.objects.all(), AuditEvent.objects.all()], field="created_at", descending=descending, size=size)
        met = [(type(row), row.pk) for row in forward]
        assert len(met) == len(set(met)) == len(rows)
        assert [(type(row), row.pk) for row in back] == met
        times = [row.created_at for row in forward]
        assert times == sorted(times, reverse=descending)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.sampled_from(["de", "en", "fr"]), st.none() | OFFSETS), max_size=14),
        st.booleans(),
        st.integers(1, 4),
        st.sampled_from(["created_at", "delisted_at"]),
    )
    def test_what_is_read_in_one_query_is_walked_as_what_is_read_in_several(self, rows, descending, size, field):
        for language, offset in rows:
            at = None if offset is None else MOMENT + offset
            factories.make_sku(language=language, created_at=at or MOMENT, delisted_at=at)
        sources = [SKU.objects.filter(language=language) for language in ("fr", "de", "en")]
        one_by_one, _back = walked(sources, field=field, descending=descending, size=size)
        read = [rows.values("pk") for rows in sources]
        forward, back = walked(read, field=field, descending=descending, size=size, together=True)
        assert [row["pk"] for row in forward] == [row.pk for row in one_by_one]
        assert [row["pk"] for row in back] == [row["pk"] for row in forward]


@pytest.fixture
def reader(client, db):
    user = factories.make_reviewer()
    client.force_login(user)
    return user


def titles(page):
    return [row.title for row, _cells in page.context["list"].rows]


def address(**query):
    return reverse("catalogue", query=query)


HALF_A_LETTER = base64.urlsafe_b64encode(rb'["\ud800", 0, 1]').decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor", ["x", "e30", "W10", "WzEsMCwxXQ", "A" * 2000, "WyJ4IiwgMCwgMV0", "W251bGwsIDAsIDFd", "WzFlOTk5LDAsMV0", HALF_A_LETTER]
)
def test_a_cursor_that_cannot_be_read_starts_at_the_first_row(client, reader, cursor):
    factories.make_sku("Kettle")
    for sort in ("updated", "-added"):
        assert client.get(address(sort=sort, after=cursor)).status_code == 200
        assert client.get(address(sort=sort, before=cursor)).status_code == 200


def test_so_does_one_that_holds_what_no_database_takes(client, db):
    client.force_login(factories.make_admin())
    for side in ("after", "before"):
        assert client.get("/settings/people/", {"sort": "name", side: HALF_A_LETTER}).status_code == 200


def test_filters_and_sort_stand_in_the_address(client, reader):
    factories.make_sku("Wasserkocher", language="de"), factories.make_sku("Kettle"), factories.make_sku("Toaster")
    assert titles(client.get(address(language="en", sort="added"))) == ["Kettle", "Toaster"]
    assert titles(client.get(address(language="en", sort="-added"))) == ["Toaster", "Kettle"]


def test_what_a_list_does_not_know_is_left_out(client, reader):
    factories.make_sku("Kettle")
    assert titles(client.get(address(sort="password", state="listed", colour="red"))) == ["Kettle"]


def test_a_list_opened_bare_is_as_it_was_last_seen(client, reader):
    client.get(address(language="de", sort="added"))
    assert client.get(reverse("catalogue")).url == address(language="de", sort="added")
    other = factories.make_reviewer()
    client.force_login(other)
    assert client.get(reverse("catalogue")).status_code == 200


def test_reset_forgets_how_it_was_seen(client, reader):
    client.get(address(language="de"))
    assert client.get(address(reset="1")).url == reverse("catalogue")
    assert client.get(reverse("catalogue")).status_code == 200


def test_it_counts_exactly_up_to_a_bound(client, reader, monkeypatch):
    monkeypatch.setattr(skus, "SKUS", replace(skus.SKUS, counted=2))
    factories.make_sku(), factories.make_sku()
    assert "2 rows" in client.get(address(sort="added")).content.decode()
    factories.make_sku()
    assert "2+ rows" in client.get(address(sort="added")).content.decode()


def test_what_a_page_has_no_time_to_count_is_asked_for_once_it_is_shown_to_a_bound(client, reader, monkeypatch):
    monkeypatch.setattr(skus, "SKUS", replace(skus.SKUS, counted=2))
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 2)
    for language in ("de", "de", "de", "de", "en"):
        factories.make_sku(language=language)
    rest = client.get(address(sort="added", language="de")).context["list"].counting
    assert client.get(reverse("catalogue") + rest).content.decode().strip() == "4 rows"
    monkeypatch.setattr(lists, "COUNTED", 3)
    assert client.get(reverse("catalogue") + rest).content.decode().strip() == "3+ rows"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_count_in_a_browser_becomes_exact_and_leaves_the_list_as_it_is(page, sign_in, monkeypatch):
    monkeypatch.setattr(skus, "SKUS", replace(skus.SKUS, counted=2))
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 2)
    for name in "abcd":
        factories.make_sku(name)
    sign_in(page, factories.make_reviewer())
    page.goto(reverse("catalogue") + "?sort=added")
    expect(page.locator("#list [role=status]")).to_have_text("4 rows")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    assert page.url.endswith("?sort=added") and not page.problems


def test_pages_lead_forward_and_back(client, reader, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 2)
    for name in "abcde":
        factories.make_sku(name)
    first = client.get(address(sort="added"))
    second = client.get(reverse("catalogue") + first.context["list"].after)
    assert (titles(first), titles(second)) == (["a", "b"], ["c", "d"])
    assert titles(client.get(reverse("catalogue") + second.context["list"].before)) == ["a", "b"]
    assert not first.context["list"].before


def test_the_export_holds_every_row_of_the_filtered_list_and_no_formula(client, reader, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_AT_ONCE", 2)
    factories.make_sku("=1+1"), factories.make_sku("Kettle"), factories.make_sku("Toaster"), factories.make_sku("Mixer", language="de")
    answer = client.get(address(language="en", sort="added", **{"as": "csv"}))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode().lstrip("\ufeff"))))
    assert [row["title"] for row in rows] == ["'=1+1", "Kettle", "Toaster"]
    assert answer["Content-Disposition"].endswith('.csv"')


def test_the_export_as_json_lines_keeps_texts_as_they_are(client, reader):
    factories.make_sku("=热水壶")
    lines = b"".join(client.get(address(sort="added", **{"as": "jsonl"}))).decode().splitlines()
    assert json.loads(lines[0])["title"] == "=热水壶"


def test_an_export_is_not_remembered(client, reader):
    client.get(address(language="de", **{"as": "csv"}))
    reader.refresh_from_db()
    assert not reader.preferences


def test_a_list_without_a_row_says_what_would_fill_it(client, reader):
    assert "The catalogue is empty" in client.get(reverse("catalogue")).content.decode()
    factories.make_sku()
    assert "Nothing fits these filters" in client.get(address(language="fr")).content.decode()


def test_a_title_says_its_language_and_is_never_markup(client, reader):
    factories.make_sku("<b>热水壶</b>", language="zh")
    page = client.get(reverse("catalogue")).content.decode()
    assert 'lang="zh"' in page
    assert "&lt;b&gt;热水壶" in page


def test_a_row_is_headed_by_its_title(client, reader):
    factories.make_sku("Kettle")
    assert re.search(r'<tr><th scope=row class="text" data-label="Title"><a [^>]*>Kettle</a></th>', client.get(reverse("catalogue")).text)


def test_a_page_costs_the_same_whatever_it_holds(client, reader, django_assert_max_num_queries):
    for _ in range(3):
        factories.make_sku()
    with django_assert_max_num_queries(12):
        client.get(address(sort="added"))
    factories.make_pair(0.95), factories.make_pair(0.95)
    with django_assert_max_num_queries(12):
        client.get(address(sort="added"))


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_on_a_phone_the_filters_are_folded_and_say_how_many_are_set(make_page, sign_in, live_server):
    factories.make_sku("Kettle", language="en")
    user = factories.make_reviewer()
    for scripts in (True, False):
        page = make_page(viewport={"width": 390, "height": 844}, java_script_enabled=scripts)
        sign_in(page, user)
        page.goto(address(language="en"))
        field, summary = page.locator("select[name=language]"), page.locator("main summary").first
        assert "1 set" in summary.inner_text() and not field.is_visible()
        summary.focus()
        page.keyboard.press("Enter")
        assert field.is_visible()
        page.set_viewport_size({"width": 1440, "height": 900})
        assert field.is_visible() and not summary.is_visible()
    page.goto(address(language="fr"))
    page.set_viewport_size({"width": 390, "height": 844})
    assert field.is_visible(), "where nothing fits, the filters are what to change"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_folded_filters_are_counted_anew_when_one_changes(page, sign_in):
    factories.make_sku("Kettle", language="en")
    sign_in(page, factories.make_reviewer())
    page.goto(reverse("catalogue") + "?sort=-updated")
    page.locator("select[name=language]").select_option("en")
    expect(page.locator("#filters-set")).to_have_text("1 set")
    assert not page.problems
