"""The list of groups, a group's page, and a person's."""

from __future__ import annotations

import csv
import io

import pytest
from django.urls import reverse

from alignment import decisions
from alignment.models import Conflict, Group, Pair
from review import grouped, lists
from review.views import groups
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client):
    user = factories.make_reviewer("lin")
    client.force_login(user)
    return user


def join(user, left=None, right=None):
    pair = factories.make_pair(0.8, left=left, right=right)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=user)
    return pair


def text(page):
    return page.content.decode()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_groups_are_listed_with_their_size_languages_and_sources(client, reviewer, language):
    source = factories.make_source("华联商店", "zh")
    join(reviewer, factories.make_sku("热水壶", source=source, language="zh"), factories.make_sku("Kettle"))
    page = client.get(reverse("groups"), HTTP_ACCEPT_LANGUAGE=language)
    row, _cells = page.context["list"].rows[0]
    assert f'<span class="unbroken">{row}</span>' in text(page)
    assert (row.size, row.languages, row.sources) == (2, ["en", "zh"], ["Brightcart", "华联商店"])


@pytest.mark.parametrize("few", [groups.FEW_SKUS, 0])
def test_groups_are_filtered_by_what_a_member_is_however_many_skus_are_meant(client, reviewer, monkeypatch, few):
    monkeypatch.setattr(groups, "FEW_SKUS", few)
    first = join(reviewer, factories.make_sku(language="de")).left
    join(reviewer, first, factories.make_sku(language="de")), join(reviewer)
    factories.make_sku(language="fr")
    asked = ({"language": "de"}, 1), ({"source": "Brightcart"}, 2), ({"category": "Nowhere"}, 0), ({"language": "fr"}, 0)
    for query, count in (*asked, ({"language": "de", "source": "Brightcart"}, 1)):
        assert len(client.get(reverse("groups", query=query)).context["list"].rows) == count


def test_filtered_groups_are_counted_to_a_hundred_and_exactly_once_they_are_shown(client, reviewer, monkeypatch):
    monkeypatch.setattr(lists, "ROWS_A_PAGE", 1)
    for _ in range(3):
        join(reviewer)
    for counted, count, more in ((100, 3, False), (2, 2, True)):
        monkeypatch.setattr(groups, "COUNTED_BY_MEMBER", counted)
        shown = client.get(reverse("groups", query={"source": "Brightcart"})).context["list"]
        assert (shown.count, shown.more, bool(shown.counting)) == (count, more, more)
    assert text(client.get(reverse("groups") + shown.counting)).strip() == "3 rows"
    assert client.get(reverse("groups", query={"sort": "size"})).context["list"].count == 3


def test_without_a_group_it_says_how_one_begins(client, reviewer):
    assert "No group yet" in text(client.get(reverse("groups")))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_group_shows_its_members_and_the_decisions_that_joined_them(client, reviewer, language):
    pair = join(reviewer, factories.make_sku("<i>Kettle</i>"))
    page = client.get(reverse("group", args=[Group.objects.get().uuid]), HTTP_ACCEPT_LANGUAGE=language)
    assert [len(member.joins) for member in page.context["members"]] == [1, 1]
    assert "&lt;i&gt;Kettle" in text(page) and "lin" in text(page) and reverse("pair", args=[pair.pk]) in text(page)


def test_of_a_large_group_some_are_shown_and_how_many_more_there_are(client, reviewer, monkeypatch):
    first = join(reviewer).left
    join(reviewer, first)
    address = reverse("group", args=[Group.objects.get(size=3).uuid])
    assert "more; the export" not in text(client.get(address))
    monkeypatch.setattr(grouped, "MOST_MEMBERS", 2)
    page = client.get(address)
    assert len(page.context["members"]) == 2 and "and 1 more; the export holds it" in text(page)


def test_a_merged_group_leads_to_where_its_members_are(client, reviewer):
    one, other = join(reviewer), join(reviewer)
    join(reviewer, one.left, other.left)
    gone = Group.objects.get(size=0)
    page = client.get(reverse("group", args=[gone.uuid]), follow=True)
    assert page.context["group"].size == 4
    assert f"{gone} was merged into this group." in text(page)


def test_a_group_tells_its_history_and_its_conflicts(client, reviewer):
    one, two, three = (factories.make_sku() for _ in range(3))
    apart = factories.make_pair(0.8, left=one, right=two)
    decisions.decide(pair_id=apart.pk, verdict="reject", user=reviewer)
    join(reviewer, one, three), join(reviewer, two, three)
    assert Conflict.objects.exists()
    page = text(client.get(reverse("group", args=[Group.objects.get(size=2).uuid])))
    assert "These accepts are not applied" in page and "Began" in page


def test_the_first_opinion_is_not_told_by_the_group_either(client, reviewer):
    pair = join(factories.make_reviewer("first-one"))
    Pair.objects.filter(pk=pair.pk).update(in_review=True, stage=Pair.Stage.SECOND)
    page = text(client.get(reverse("group", args=[Group.objects.get().uuid])))
    assert "first-one" not in page


def test_a_group_is_exported(client, reviewer):
    join(reviewer, factories.make_sku("=Kettle"))
    answer = client.get(reverse("group-file", args=[Group.objects.get().uuid, "csv"]))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))
    assert len(rows) == 2 and "'=Kettle" in {row["title"] for row in rows}
    assert client.get(reverse("group-file", args=[Group.objects.get().uuid, "exe"])).status_code == 404


def test_pages_of_groups_cost_the_same_whatever_they_hold(client, reviewer, django_assert_max_num_queries):
    first = join(reviewer).left
    for _ in range(3):
        join(reviewer, first)
    join(reviewer)
    client.get(reverse("groups", query={"sort": "-size"}))
    for address in (reverse("groups", query={"sort": "-size"}), reverse("group", args=[Group.objects.get(size=5).uuid])):
        with django_assert_max_num_queries(12):
            client.get(address)


def test_a_person_sees_their_own_page_and_nobody_elses(client, reviewer):
    pair = join(reviewer)
    page = client.get(reverse("person", args=[reviewer.pk]))
    assert page.context["counts"]["same"] == 1 and reverse("pair", args=[pair.pk]) in text(page)
    assert client.get(reverse("person", args=[factories.make_reviewer().pk])).status_code == 403


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_admin_sees_everybodys_page(client, reviewer, language, django_assert_max_num_queries):
    join(reviewer), join(reviewer)
    client.force_login(factories.make_admin())
    with django_assert_max_num_queries(12):
        page = client.get(reverse("person", args=[reviewer.pk]), HTTP_ACCEPT_LANGUAGE=language)
    assert page.status_code == 200 and "lin" in text(page)
    assert client.get(reverse("person", args=[999_999])).status_code == 404
