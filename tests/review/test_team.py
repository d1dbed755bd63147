"""Team over HTTP: what waits, who decides how much, and when the queue will be empty."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alignment import decisions
from alignment.agreement import Agreement
from review import figures, team, team_tables
from review.models import CheckAnswer, KnownPair, OpenDay, QueueCount
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    user = factories.make_admin("ann")
    client.force_login(user)
    return user


def count() -> None:
    assert figures.count(now=timezone.now() + timedelta(minutes=1))


def noon() -> datetime:
    return timezone.make_aware(datetime(2026, 11, 25, 12))


def days_ago(days: int) -> date:
    return noon().date() - timedelta(days=days)


def test_it_is_for_admins(client):
    client.force_login(factories.make_reviewer())
    assert client.get(reverse("team")).status_code == 403
    assert client.get(reverse("team-data", args=["backlog"])).status_code == 403


def test_before_anything_was_counted_it_says_what_counts(client, admin):
    assert "Nothing was counted yet" in client.get(reverse("team")).content.decode()


def test_people_stand_with_what_they_decided_and_how_rightly(client, admin):
    lin, wu = factories.make_reviewer("lin"), factories.make_reviewer("wu")
    for verdict in ("accept", "reject", "unsure"):
        decisions.decide(pair_id=factories.make_pair(0.8).pk, verdict=verdict, user=lin, seconds=12)
    CheckAnswer.objects.create(known=KnownPair.objects.create(pair=factories.make_pair(), verdict="accept"), reviewer=wu, verdict="accept")
    count()
    members = {member.name: member for member in client.get(reverse("team")).context["team"].members}
    assert (members["lin"].today, members["lin"].week, members["lin"].an_hour) == (3, 3, 300)
    assert (members["wu"].week, members["wu"].an_hour, members["wu"].right, members["wu"].checked) == (0, None, 1, 1)
    assert "100 % (1 / 1)" in client.get(reverse("team")).content.decode()


def test_a_person_who_left_takes_their_line_with_them_but_not_the_chart(client, admin):
    lin = factories.make_reviewer("lin")
    decisions.decide(pair_id=factories.make_pair(0.8).pk, verdict="accept", user=lin)
    lin.delete()
    count()
    page = client.get(reverse("team"))
    assert [member.name for member in page.context["team"].members] == []
    assert "someone who left" in page.content.decode()


def test_what_waits_is_told_by_category_and_languages(client, admin):
    strollers = factories.make_category("Baby > Strollers")
    for stage, pairs in (("first", 7), ("second", 2)):
        QueueCount.objects.create(
            category=strollers, languages="en|zh", stage=stage, pairs=pairs, cases=1, overdue=1, counted_at=timezone.now()
        )
    QueueCount.objects.create(category=None, languages="", stage="first", pairs=0, cases=0, counted_at=timezone.now())
    days = [timezone.localdate() - timedelta(days=back) for back in (3, 2)]
    OpenDay.objects.bulk_create([OpenDay(day=day, pairs=40, queues={f"{strollers.pk}:en|zh": 39 - 15 * n}) for n, day in enumerate(days)])
    count()
    (queue,) = client.get(reverse("team")).context["team"].queues
    assert (queue.category, queue.pairs, queue.cases, queue.overdue) == ("Baby > Strollers", 9, 2, 2)
    assert not queue.forecast.grows and queue.forecast.days is not None and 0 < queue.forecast.days < 1
    assert OpenDay.objects.get(day=timezone.localdate()).queues == {f"{strollers.pk}:en|zh": 9, ":": 0}


def test_of_many_queues_the_largest_are_shown_and_where_all_of_them_are(client, admin, monkeypatch):
    monkeypatch.setattr(team, "MOST_QUEUES", 2)
    for pairs in (1, 3, 2):
        category = factories.make_category(f"Area {pairs}")
        QueueCount.objects.create(category=category, languages="en|zh", stage="first", pairs=pairs, cases=1, counted_at=timezone.now())
    count()
    page = client.get(reverse("team"))
    assert [queue.category for queue in page.context["team"].queues] == ["Area 3", "Area 2"]
    assert f'The 2 queues with the most pairs. <a href="{reverse("queues")}">All queues</a>' in page.content.decode()


@pytest.mark.parametrize(
    ("opened", "pairs", "empty"),
    [
        ([], 9, "–"),
        ([(3, 5), (2, 5)], 9, "it grows"),
        ([(3, 60), (2, 40)], 9, "today"),
        ([(3, 9_000_000)], 8_999_990, "not in ten years"),
    ],
)
def test_a_queues_row_says_when_it_is_empty_and_is_named_by_its_category(client, admin, opened, pairs, empty):
    category = factories.make_category("<b>Baby</b>")
    QueueCount.objects.create(category=category, languages="en|zh", stage="first", pairs=pairs, cases=1, counted_at=timezone.now())
    for back, open_then in opened:
        day = timezone.localdate() - timedelta(days=back)
        OpenDay.objects.create(day=day, pairs=open_then, queues={f"{category.pk}:en|zh": open_then})
    count()
    html = client.get(reverse("team")).content.decode()
    assert '<th scope=row class="text" data-label="Category">&lt;b&gt;Baby&lt;/b&gt;</th>' in html
    assert f'data-label="Empty">{empty}</td>' in html


def test_a_queue_that_shrinks_is_empty_on_a_day():
    found = team.forecast([(days_ago(3), 100), (days_ago(1), 70)], 50, now=noon())
    assert (round(found.a_day), found.grows) == (20, False)
    assert found.empty_on == noon().date() + timedelta(days=2)


def test_a_queue_that_grows_says_so_instead_of_a_day():
    found = team.forecast([(days_ago(3), 50)], 100, now=noon())
    assert found.grows and found.growth == 20 and found.empty_on is None


@pytest.mark.parametrize("opened", [[], [(days_ago(0), 10)], [(days_ago(1), 10)], [(days_ago(20), 10)]])
def test_without_the_counts_of_a_day_and_a_night_nothing_is_forecast(opened):
    assert team.forecast(opened, 5, now=noon()).a_day is None


@pytest.mark.parametrize(("then", "now"), [(10, 10), (10, 0)])
def test_what_stays_or_is_empty_has_no_day(then, now):
    assert team.forecast([(days_ago(4), then)], now, now=noon()).empty_on is None


def test_a_counting_keeps_how_much_was_open_that_day(client, admin):
    factories.make_pair(0.8)
    count()
    OpenDay.objects.create(day=timezone.localdate() - timedelta(days=3), pairs=9)
    file = client.get(reverse("team-data", args=["backlog"])).content.decode("utf-8-sig")
    assert [row[1] for row in csv.reader(io.StringIO(file))][1:] == ["9", "1"]
    html = client.get(reverse("team")).content.decode()
    assert "The queue is empty" in html and 'href="/team/data/backlog"' in html


def test_the_queries_do_not_grow_with_the_team(client, admin, django_assert_max_num_queries):
    for _ in range(5):
        decisions.decide(pair_id=factories.make_pair(0.8).pk, verdict="accept", user=factories.make_reviewer())
    count()
    with django_assert_max_num_queries(12):
        client.get(reverse("team"))


def test_agreement_is_as_it_was_counted(client, admin):
    lin, wu = factories.make_reviewer("lin"), factories.make_reviewer("wu")
    factories.make_policy(second_share=1.0)
    for verdicts in (("accept", "accept"), ("reject", "reject"), ("accept", "reject")):
        pair = factories.make_pair(0.8)
        decisions.decide(pair_id=pair.pk, verdict=verdicts[0], user=lin)
        decisions.decide(pair_id=pair.pk, verdict=verdicts[1], user=wu)
    count()
    members = {member.name: member.agreement for member in client.get(reverse("team")).context["team"].members}
    assert (members["lin"].pairs, members["lin"].same) == (3, 2) and members["lin"].kappa == pytest.approx(0.4)
    client.force_login(wu)
    assert "on 3 pairs with two opinions, κ 0.40" in client.get(reverse("my-work")).content.decode()


def test_kappa_is_rounded_as_on_ones_own_page():
    (column,) = (column for column in team_tables.PEOPLE if column.name == "kappa")
    lin = team.Member(pk=1, name="lin", today=0, week=0, an_hour=None, agreement=Agreement(9, 8, 0.678), checked=0, right=0)
    assert column.shown(lin) == "0.68"
