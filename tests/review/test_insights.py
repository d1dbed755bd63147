"""Insights over HTTP: who may see them, what they say, and that a chart is a table first."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from alignment import decisions
from alignment.models import ImportRun
from review import figures
from review.models import Figures
from review.templatetags.listings import percent
from review.templatetags.numbers import megabytes
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    user = factories.make_admin()
    client.force_login(user)
    return user


@pytest.fixture
def counted(admin):
    kitchen = factories.make_category("=Kitchen")
    for score, verdict in ((0.75, "reject"), (0.85, "accept"), (0.86, "accept"), (0.2, None)):
        pair = factories.make_pair(score, category=kitchen)
        if verdict:
            decisions.decide(pair_id=pair.pk, verdict=verdict, user=admin)
    factories.make_pair(0.95), factories.make_pair(0.72)
    assert figures.count(now=timezone.now() + timedelta(minutes=1))
    return kitchen


def rows(client, name: str, **query) -> list[list[str]]:
    answer = client.get(reverse("insights-data", args=[name]), query)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_they_are_for_admins(client):
    client.force_login(factories.make_reviewer())
    assert client.get(reverse("insights")).status_code == 403
    assert client.get(reverse("insights-data", args=["scores"])).status_code == 403


def test_before_anything_was_counted_they_say_what_counts(client, admin):
    assert "Nothing was counted yet" in client.get(reverse("insights")).content.decode()


def test_every_chart_is_a_table_with_its_file(client, counted):
    html = client.get(reverse("insights")).content.decode()
    names = re.findall(r'<figure class="figure" id="(\w+)"', html)
    assert set(names) == {"scores", "bands", "languages", "categories", "routes", "decisions", "ages"}
    assert html.count("<table") == len(names)
    for name in names:
        assert len(rows(client, name)) > 1


def test_shares_come_with_wilsons_interval_and_are_exact_in_the_file(client, counted):
    (row,) = [row for row in rows(client, "languages") if row[0].startswith("English")]
    assert [round(float(value), 3) for value in row[1:4]] == [0.667, 0.208, 0.939]
    assert row[4:] == ["2", "1", "0"]


def test_a_category_is_no_formula_in_the_file(client, counted):
    assert "'=Kitchen" in {row[0] for row in rows(client, "categories")}


def test_a_category_narrows_what_is_shown(client, counted):
    def pairs(**query):
        return sum(int(value) for row in rows(client, "scores", **query)[1:] for value in row[1:])

    assert (pairs(), pairs(category=counted.pk)) == (6, 4)
    assert client.get(reverse("insights"), {"category": "²"}).status_code == 404


def test_nothing_inline_and_few_queries(client, counted, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        html = client.get(reverse("insights")).content.decode()
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", html)


@pytest.mark.parametrize("name", ["nothing", "scores.csv"])
def test_a_chart_that_there_is_not_is_not_found(client, counted, name):
    assert client.get(f"/insights/{name}.csv").status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_large_numbers_are_written_alike_on_every_page_of_a_language(client, counted, language):
    Figures.objects.filter(category=None).update(scores={"review": [1234567] + [0] * 49})
    run = ImportRun.objects.create(source=factories.make_source(), file_name="feed.csv", status="done", rows_read=1234567)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    for page in (reverse("insights"), reverse("import", args=[run.uuid]), reverse("runs")):
        html = client.get(page).content.decode()
        assert "1,234,567<" in html and "1234567<" not in html


def test_shares_and_sizes_are_rounded_never_cut():
    assert [percent(share) for share in (12 / 610, 0.31967, 1.0, 0.0, None)] == ["2.0 %", "32.0 %", "100.0 %", "0.0 %", "–"]
    assert [megabytes(size) for size in (1_990_000, 1536, 0)] == ["1.9 MB", "2 KB", "0 KB"]
    assert megabytes(2_080_000) == "2.0 MB"
