"""What is counted for the pages: equal to what the rows say, once each, and never a burden."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alignment import category_tree, decisions, locks
from alignment.models import Category, Pair
from review import figures, queue_counts
from review.models import DecisionDay, Figures, QueueCount, RouteDay
from tests import factories

pytestmark = pytest.mark.django_db


def count() -> Figures:
    """As after the next wait."""
    before = Figures.objects.filter(category=None).first()
    assert figures.count(now=(before.counted_at if before else timezone.now()) + timedelta(hours=1))
    return Figures.objects.get(category=None)


def given(verdict: str) -> int:
    return sum(DecisionDay.objects.filter(verdict=verdict, actor__isnull=False).values_list("decisions", flat=True))


@pytest.mark.parametrize(("score", "place"), [(0.0, 0), (0.58, 29), (0.7, 35), (0.8999, 44), (0.9, 45), (1.0, 49)])
def test_a_score_falls_into_its_bin_exactly(score, place):
    factories.make_pair(score)
    assert {route: counts.index(1) for route, counts in count().scores.items()} == {Pair.objects.get().route: place}


def test_every_scored_pair_is_counted_once_by_category_and_in_all():
    kitchen = factories.make_category("Kitchen")
    factories.make_pair(0.95, category=kitchen), factories.make_pair(0.8, category=kitchen), factories.make_pair(0.3)
    whole = count()
    assert {route: sum(counts) for route, counts in whole.scores.items()} == {"accept": 1, "review": 1, "discard": 1}
    assert sum(map(sum, Figures.objects.get(category=kitchen).scores.values())) == 2
    count()
    assert sum(map(sum, Figures.objects.get(category=kitchen).scores.values())) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("counted", "module", "storing"), [(figures.count, figures, "_keep"), (queue_counts.count, locks, "hold")])
def test_a_category_may_go_between_being_counted_and_stored(counted, module, storing, monkeypatch):
    admin, baby, kids = factories.make_admin(), factories.make_category("Baby"), factories.make_category("Kids")
    factories.make_pair(0.8, category=baby), factories.make_pair(0.8, category=kids)
    original = getattr(module, storing)

    def merged_first(*args, **kwargs):
        monkeypatch.setattr(module, storing, original)
        category_tree.apply(category_tree.plan_merge(baby, kids), user=admin)
        original(*args, **kwargs)

    monkeypatch.setattr(module, storing, merged_first)
    assert counted()
    assert not Category.objects.filter(path="Baby").exists()
    kept = Figures.objects.exclude(category=None) if counted == figures.count else QueueCount.objects.all()
    assert [one.category for one in kept] == [kids]


def test_a_decision_is_counted_on_its_day_once_however_often_it_is_counted():
    user = factories.make_reviewer()
    decisions.decide(pair_id=factories.make_pair(0.8).pk, verdict="accept", user=user, seconds=3)
    count(), count()
    row = DecisionDay.objects.get(actor=user.actor.uuid)
    assert (row.verdict, row.decisions, row.seconds, row.day) == ("accept", 1, 3.0, timezone.localdate())


def test_later_decisions_are_added_to_a_day():
    user = factories.make_reviewer()
    for _ in range(2):
        decisions.decide(pair_id=factories.make_pair(0.8).pk, verdict="reject", user=user)
        count()
    assert given("reject") == 2


def test_what_a_policy_accepts_is_nobodys():
    factories.make_pair(0.95)
    count()
    assert DecisionDay.objects.get(actor=None).decisions == 1


def test_only_verdicts_that_stand_speak_for_a_score():
    user = factories.make_reviewer()
    for verdict in ("accept", "reject"):
        decisions.decide(pair_id=factories.make_pair(0.8).pk, verdict=verdict, user=user)
    decisions.undo(user=user)
    assert count().verdicts == {"en|en": {"16": [1, 0, 0]}}


def test_open_pairs_are_counted_by_how_long_they_have_waited():
    for hours in (0.5, 2, 30, 100, 1000):
        pair = factories.make_pair(0.8)
        Pair.objects.filter(pk=pair.pk).update(due_since=timezone.now() + timedelta(hours=1 - hours))
    assert count().ages == [1, 1, 1, 1, 1]


def test_routes_are_kept_for_each_day():
    factories.make_pair(0.8)
    count()
    assert RouteDay.objects.get(route="review", day=timezone.localdate(Figures.objects.get(category=None).counted_at)).pairs == 1


def test_counting_waits_in_proportion_to_what_it_costs():
    count()
    now = Figures.objects.get(category=None).counted_at
    assert not figures.count(now=now + timedelta(seconds=29))
    Figures.objects.filter(category=None).update(seconds=6)
    assert not figures.count(now=now + timedelta(seconds=299))
    assert figures.count(now=now + timedelta(seconds=301))
