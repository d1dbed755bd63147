"""Which case is whose next: order, languages, categories, what they narrowed their work to, and why there is none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from alignment import category_tree, decisions, runs, scoring_runs
from alignment.models import Actor, CandidateSet, Category, Pair, ScoringRun, User
from review import leases, queue_counts, queues, scopes
from review.models import Lease, QueueCount
from tests import factories

pytestmark = pytest.mark.django_db


def make_pair(languages: str = "en|en", path: str = "", score: float = 0.8) -> Pair:
    one, other = languages.split("|")
    category = factories.make_category(path) if path else None
    query = factories.make_sku(language=one, category=category)
    return factories.make_pair(score, left=query, right=factories.make_sku(language=other, category=category))


def reviewer(languages=(), paths=(), **preferences):
    user = factories.make_reviewer(languages=list(languages), preferences=preferences)
    user.categories.set(factories.make_category(path) for path in paths)
    return user


def next_of(user) -> Pair | None:
    case = leases.take_case(user)
    return case.pairs[0] if case else None


def test_the_higher_priority_comes_first_and_within_it_the_policys_order():
    low, normal, likelier = make_pair(path="A"), make_pair(path="B", score=0.75), make_pair(path="B", score=0.85)
    Pair.objects.filter(pk=low.pk).update(priority=-1, order_key=-9.0)
    Pair.objects.filter(pk=normal.pk).update(order_key=-0.75)
    Pair.objects.filter(pk=likelier.pk).update(order_key=-0.85)
    assert [next_of(reviewer()) for _ in range(4)] == [likelier, normal, low, None]


def test_what_is_overdue_comes_first_the_longest_overdue_before_the_rest():
    first, overdue, longest = make_pair(), make_pair(), make_pair()
    now = timezone.now()
    Pair.objects.filter(pk=first.pk).update(priority=1, due_at=now + timedelta(hours=1))
    Pair.objects.filter(pk=overdue.pk).update(due_at=now - timedelta(hours=1))
    Pair.objects.filter(pk=longest.pk).update(due_at=now - timedelta(hours=2))
    assert [next_of(reviewer()) for _ in range(3)] == [longest, overdue, first]


def test_what_was_open_when_last_counted_is_looked_at_first_and_what_opened_since_where_nothing_of_it_fits():
    first = make_pair()
    queue_counts.count()
    late = make_pair()
    Pair.objects.filter(pk=late.pk).update(stage="second", priority=1)
    assert [next_of(reviewer()) for _ in range(3)] == [first, late, None]


@pytest.mark.parametrize(
    ("languages", "fits"),
    [(["zh", "en"], True), (["en", "zh", "de"], True), ([], True), (["en"], False), (["zh", "de"], False)],
)
def test_a_case_goes_to_who_reads_both_of_its_languages(languages, fits):
    pair = make_pair("zh|en")
    assert (next_of(reviewer(languages)) == pair) is fits


def test_a_listing_of_unknown_language_fits_everyone_who_reads_the_other():
    pair = make_pair("|de")
    assert next_of(reviewer(["en", "zh"])) is None
    assert next_of(reviewer(["de"])) == pair


def test_a_case_goes_to_whose_subtree_it_is_in_and_one_without_a_category_to_those_without_limits():
    loose, stroller = make_pair(), make_pair(path="Baby > Strollers")
    make_pair(path="Babywear")
    user = reviewer(paths=["Baby", "Kitchen"])
    assert next_of(user) == stroller
    assert next_of(reviewer(paths=["Kitchen"])) is None
    assert next_of(reviewer()) == loose


def test_a_case_holds_only_the_pairs_that_fit():
    query = factories.make_sku(language="zh")
    others = {language: factories.make_sku(language=language) for language in ("en", "fr")}
    factories.make_set(query, list(others.values()))
    factories.score_waiting_sets(0.8)
    case = leases.take_case(reviewer(["zh", "en"]))
    assert [{pair.left, pair.right} for pair in case.pairs] == [{query, others["en"]}]


def test_work_narrowed_to_a_category_and_a_pair_of_languages_stays_so_until_it_is_widened():
    make_pair("en|en", "Baby > Strollers"), make_pair("zh|en", "Kitchen")
    wanted = make_pair("zh|en", "Baby > Strollers")
    user = reviewer(["zh", "en"])
    scopes.narrow(user=user, category=Category.objects.get(path="Baby"), languages="en|zh")
    user.refresh_from_db()
    assert (next_of(user), queues.left(user).pairs) == (wanted, 1)
    scopes.narrow(user=user, category=None, languages="")
    assert queues.left(user).pairs == 3


def test_whoever_works_on_a_category_does_so_when_it_is_renamed():
    other, wanted = make_pair(path="Kitchen"), make_pair(path="Baby")
    user = reviewer()
    scopes.narrow(user=user, category=wanted.category, languages="")
    category_tree.apply(category_tree.plan_rename(wanted.category, "Kids"), user=factories.make_admin())
    user = User.objects.get(pk=user.pk)
    assert (next_of(user), queues.left(user).pairs, str(scopes.work_on(user))) == (wanted, 1, "Kids")
    assert other.in_review


def test_nobody_narrows_their_work_to_what_is_not_theirs():
    make_pair("zh|en", "Kitchen")
    user = reviewer(["en"], ["Baby"], work_on={"category": "Kitchen", "languages": "en|zh"})
    assert next_of(user) is None
    assert next_of(reviewer(work_on="nonsense")) is not None


def test_a_second_opinion_is_not_asked_of_who_gave_the_first():
    pair = make_pair()
    one, other = reviewer(), reviewer()
    decisions.decide(pair_id=pair.pk, verdict="accept", user=one)
    Pair.objects.filter(pk=pair.pk).update(stage="second", in_review=True)
    assert (next_of(one), queues.left(one).pairs) == (None, 0)
    assert next_of(other) == pair


def test_an_empty_queue_says_why():
    def why(user, escalated=False):
        told = queues.why_empty(user, queues.left(user, escalated=escalated), escalated=escalated)
        return told["reason"], told["count"]

    assert why(reviewer()) == ("never", 0)
    pair = make_pair("zh|en", "Kitchen")
    assert why(reviewer(["de"])) == ("elsewhere", 1)
    assert why(reviewer([], [], work_on={"category": "", "languages": "de|de"})) == ("narrowed", 1)
    holder = reviewer()
    leases.take_case(holder)
    assert why(reviewer()) == ("held", 1)
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=holder)
    Pair.objects.update(stage="second")
    assert why(holder) == ("others", 1)
    Pair.objects.update(stage="first")
    decisions.decide(pair_id=pair.pk, verdict="reject", user=holder)
    assert why(holder) == ("done", 0)
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    assert why(holder) == ("scoring", 0)
    run = scoring_runs.start(ScoringRun.Kind.RETRY)
    scoring_runs.join(run, list(CandidateSet.objects.filter(status="pending").values_list("pk", flat=True)))
    runs.cancel(run)
    scoring_runs.follow(run.pk)
    assert why(holder) == ("aside", 0)
    assert why(factories.make_admin(), escalated=True)[1] == 0


def test_it_counts_what_is_left_exactly(django_assert_max_num_queries):
    factories.make_set(factories.make_sku(), [factories.make_sku() for _ in range(3)])
    factories.score_waiting_sets(0.8)
    make_pair()
    user = reviewer()
    Actor.of(user)
    with django_assert_max_num_queries(2):
        assert queues.left(user) == queues.Left(cases=2, pairs=4)


def test_beyond_ten_thousand_it_says_so_without_counting_again(monkeypatch):
    make_pair(), make_pair(), make_pair()
    monkeypatch.setattr(queues, "COUNTED", 2)
    assert queues.left(reviewer()) == queues.Left(cases=3, pairs=2, more=True)
    QueueCount.objects.create(stage="first", languages="en|en", pairs=5, cases=4, counted_at=timezone.now())
    assert queues.left(reviewer()) == queues.Left(cases=2, pairs=2, more=True)
    assert queues.left(reviewer(["de"])) == queues.Left(cases=0, pairs=0)


def test_many_that_are_left_are_not_taken_for_what_is_left_where_a_person_narrows_their_work(monkeypatch):
    make_pair("en|en"), make_pair("en|en"), make_pair("de|en")
    monkeypatch.setattr(queues, "COUNTED", 2)
    QueueCount.objects.create(stage="first", languages="en|en", pairs=5, cases=4, counted_at=timezone.now())
    user = reviewer()
    assert queues.left(user).more
    scopes.narrow(user=user, category=None, languages="de|en")
    assert queues.left(user) == queues.Left(cases=1, pairs=1)
    assert queues.left(user, narrowed=False).more


def test_what_was_written_for_one_person_answers_for_the_next():
    pair = make_pair()
    one, two = reviewer(), reviewer()
    assert next_of(one) == pair
    Lease.objects.all().delete()
    assert next_of(two) == pair
    Lease.objects.all().delete()
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=one)
    assert (next_of(one), next_of(two)) == (None, pair)


@pytest.mark.parametrize("limits", [{}, {"languages": ["zh", "en"]}, {"paths": ["A"]}, {"languages": ["zh", "en"], "paths": ["A"]}])
def test_the_queries_do_not_grow_with_the_queue(limits, django_assert_max_num_queries):
    for number in range(12):
        make_pair("zh|en", f"A > {number}")
    user = reviewer(**limits)
    Actor.of(user)
    with django_assert_max_num_queries(14):
        assert leases.take_case(user)
