"""What groups and rejects answer by themselves, and what an answer would settle."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from alignment import bulk, decisions, groups, implied, logbook, open_pairs
from alignment.models import SKU, Decision, Pair, User
from tests.factories import make_pair, make_review_policy, make_reviewer, make_set, make_sku, score_waiting_sets

pytestmark = pytest.mark.django_db
Verdict, Implied = Decision.Verdict, Pair.Implied
SKUS = 5


@pytest.fixture(autouse=True)
def all_of_it_follows_from_the_log() -> Iterator[None]:
    yield
    assert implied.verify() == []
    assert groups.verify() == []


def every_pair(skus: Sequence[SKU]) -> dict[tuple[int, int], Pair]:
    """Every two of these SKUs, all borderline, by their places in the list."""
    for place, sku in enumerate(skus[:-1]):
        make_set(sku, list(skus[place + 1 :]))
    score_waiting_sets(0.8)
    places = {sku.pk: place for place, sku in enumerate(skus)}
    return {(places[pair.left_id], places[pair.right_id]): pair for pair in Pair.objects.all()}


def decide(pair: Pair, verdict: str, user: User) -> Decision:
    return decisions.decide(pair_id=pair.pk, verdict=verdict, user=user)


def state(pair: Pair) -> tuple[str, bool]:
    pair.refresh_from_db()
    return pair.implied, pair.in_review


def test_two_accepts_answer_the_third_side_and_undo_asks_it_again() -> None:
    pairs, user = every_pair([make_sku() for _ in range(3)]), make_reviewer()
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    assert state(pairs[0, 2]) == (Implied.NOT, True)
    decide(pairs[1, 2], Verdict.ACCEPT, user)
    assert state(pairs[0, 2]) == (Implied.SAME, False)
    decisions.undo(user=user)
    assert state(pairs[0, 2]) == (Implied.NOT, True)


def test_a_reject_speaks_for_every_member_of_both_groups() -> None:
    pairs, user = every_pair([make_sku() for _ in range(4)]), make_reviewer()
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    decide(pairs[2, 3], Verdict.ACCEPT, user)
    decide(pairs[0, 2], Verdict.REJECT, user)
    assert [state(pairs[edge]) for edge in ((0, 3), (1, 2), (1, 3))] == [(Implied.DIFFERENT, False)] * 3
    decisions.undo(user=user)
    assert [state(pairs[edge]) for edge in ((0, 2), (0, 3), (1, 2), (1, 3))] == [(Implied.NOT, True)] * 4


def reject_at_once(pairs: Sequence[Pair], user: User) -> None:
    with transaction.atomic():
        logbook.lock()
        decisions.decide_all(
            pairs=decisions.for_update([pair.pk for pair in pairs]),
            verdict=Verdict.REJECT,
            user=user,
            act=uuid.uuid4(),
            reject_reason="size",
        )


def test_rejects_in_one_act_speak_for_what_is_between_their_groups() -> None:
    pairs, user = every_pair([make_sku() for _ in range(4)]), make_reviewer()
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    decide(pairs[2, 3], Verdict.ACCEPT, user)
    reject_at_once([pairs[0, 2], pairs[1, 3]], user)
    assert [state(pairs[edge]) for edge in ((0, 3), (1, 2))] == [(Implied.DIFFERENT, False)] * 2


def test_what_an_act_of_rejects_answered_comes_back_when_it_is_undone_after_groups_grew() -> None:
    pairs, user = every_pair([make_sku() for _ in range(4)]), make_reviewer()
    reject_at_once([pairs[0, 2], pairs[1, 3]], user)
    act = Decision.objects.latest("pk").act
    assert act is not None
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    decide(pairs[2, 3], Verdict.ACCEPT, user)
    assert [state(pairs[edge]) for edge in ((0, 3), (1, 2))] == [(Implied.DIFFERENT, False)] * 2
    decisions.withdraw_act(act=act, user=user)
    assert [state(pairs[edge]) for edge in ((0, 2), (0, 3), (1, 2), (1, 3))] == [(Implied.NOT, True)] * 4


def test_an_answer_that_comes_back_keeps_its_old_place() -> None:
    pairs, user = every_pair([make_sku() for _ in range(3)]), make_reviewer()
    since, key = pairs[0, 2].due_since, pairs[0, 2].order_key
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    decide(pairs[1, 2], Verdict.ACCEPT, user)
    decisions.undo(user=user)
    pairs[0, 2].refresh_from_db()
    assert (pairs[0, 2].due_since, pairs[0, 2].order_key) == (since, key)


def test_a_pair_that_the_groups_answer_already_never_opens() -> None:
    a, b, c = make_sku(), make_sku(), make_sku()
    make_pair(0.95, left=a, right=b)
    make_pair(0.95, left=b, right=c)
    assert state(make_pair(0.8, left=a, right=c)) == (Implied.SAME, False)


def test_a_pair_whose_text_changed_is_asked_whatever_the_groups_say() -> None:
    from tests.test_decisions import change_text

    pairs, user = every_pair([make_sku() for _ in range(3)]), make_reviewer()
    for edge in ((0, 1), (1, 2), (0, 2)):
        decide(pairs[edge], Verdict.ACCEPT, user)
    change_text(pairs[0, 2].left, "Another thing")
    assert state(pairs[0, 2]) == (Implied.NOT, True)


def test_the_number_settled_counts_both_ways() -> None:
    pairs, user = every_pair([make_sku() for _ in range(5)]), make_reviewer()
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    decide(pairs[1, 4], Verdict.REJECT, user)
    # A "same" joins 2 to {0, 1}: that answers 1 with 2, and 2 with 4, from which a person keeps 1.
    pairs[0, 2].refresh_from_db()
    assert implied.settles([pairs[0, 2]]) == {pairs[0, 2].pk: implied.Settles(same=2, different=1)}


def test_counting_takes_as_many_queries_for_ten_pairs_as_for_one(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    pairs, user = every_pair([make_sku() for _ in range(5)]), make_reviewer()
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    shown = list(Pair.objects.select_related("standing").filter(in_review=True))
    with django_assert_max_num_queries(5):
        implied.settles(shown)


def test_a_decision_takes_as_many_queries_whatever_it_settles(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    pairs, user = every_pair([make_sku() for _ in range(6)]), make_reviewer()
    for edge in ((0, 1), (1, 2), (3, 4), (4, 5)):
        decide(pairs[edge], Verdict.ACCEPT, user)
    with django_assert_max_num_queries(36):
        decide(pairs[2, 3], Verdict.ACCEPT, user)
    assert Pair.objects.filter(implied=Implied.SAME).count() == 10


def test_what_settles_most_comes_first_where_the_policy_says_so() -> None:
    make_review_policy(order="settling")
    pairs, user = every_pair([make_sku() for _ in range(4)]), make_reviewer()
    decide(pairs[0, 1], Verdict.ACCEPT, user)
    first, *_rest, last = Pair.objects.filter(in_review=True).order_by("order_key", "pk")
    assert first.order_key < last.order_key == 0
    assert last == pairs[2, 3]


edges = st.tuples(st.integers(0, SKUS - 1), st.integers(0, SKUS - 1)).filter(lambda edge: edge[0] < edge[1])
verdicts = st.sampled_from(["accept", "reject", "unsure", "policy accepts", "policy leaves it to people", "take back"])
steps = st.lists(st.tuples(edges, verdicts), max_size=9)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def pairs() -> dict[tuple[int, int], Pair]:
    return every_pair([make_sku() for _ in range(SKUS)])


@pytest.fixture
def user() -> User:
    return make_reviewer()


def take(pair: Pair, verdict: str, user: User) -> None:
    if verdict == "take back":
        pair.refresh_from_db()
        if pair.standing and pair.standing.by == Decision.By.PERSON:
            decisions.withdraw(decision_id=pair.standing_id, user=user)
    elif verdict in Verdict.values:
        decide(pair, verdict, user)
    else:
        pair = Pair.objects.select_related(*open_pairs.READ, "reverse_score").get(pk=pair.pk)
        pair.route = Pair.Route.ACCEPT if verdict == "policy accepts" else Pair.Route.REVIEW
        pair.save(update_fields=["route"])
        open_pairs.save_places([pair])
        decisions.follow_routes([pair])


class Undone(Exception):
    """Ends an example: the next one starts from the same rows."""


@given(log=steps)
@few
def test_any_sequence_leaves_what_a_reading_of_all_of_it_would(
    pairs: dict[tuple[int, int], Pair], user: User, log: list[tuple[tuple[int, int], str]]
) -> None:
    with pytest.raises(Undone), transaction.atomic():
        for edge, verdict in log:
            take(pairs[edge], verdict, user)
            assert implied.verify() == []
        raise Undone


def closed_by(pair: Pair, verdict: str, user: User) -> int:
    """How many other pairs a verdict really closes."""
    open_ = Pair.objects.filter(in_review=True).exclude(pk=pair.pk)
    with pytest.raises(Undone), transaction.atomic():
        before = set(open_.values_list("pk", flat=True))
        decide(pair, verdict, user)
        closed = before - set(open_.values_list("pk", flat=True))
        raise Undone
    return len(closed)


@given(log=steps)
@example(log=[((0, 2), "accept"), ((0, 2), "reject"), ((1, 3), "accept"), ((0, 1), "accept")])
@few
def test_what_an_answer_would_settle_is_what_it_does_settle(
    pairs: dict[tuple[int, int], Pair], user: User, log: list[tuple[tuple[int, int], str]]
) -> None:
    with pytest.raises(Undone), transaction.atomic():
        for edge, verdict in log:
            take(pairs[edge], verdict, user)
        asked = list(Pair.objects.select_related("standing").filter(in_review=True))
        told = implied.settles(asked)
        for pair in asked:
            did = implied.Settles(closed_by(pair, Verdict.ACCEPT, user), closed_by(pair, Verdict.REJECT, user))
            assert told[pair.pk] == did
        raise Undone


@given(
    log=steps,
    changed=st.sets(edges, max_size=2),
    acted=st.sets(edges, min_size=1),
    verdict=st.sampled_from([Verdict.ACCEPT, Verdict.REJECT]),
)
@example(log=[((0, 1), "accept"), ((2, 3), "accept"), ((1, 2), "reject")], changed={(1, 2)}, acted={(1, 2), (0, 4)}, verdict=Verdict.ACCEPT)
@example(log=[((0, 1), "accept"), ((1, 2), "accept")], changed={(0, 1)}, acted={(0, 1), (2, 3)}, verdict=Verdict.REJECT)
@example(log=[((0, 1), "reject"), ((1, 2), "policy accepts")], changed=set(), acted={(0, 2), (2, 3)}, verdict=Verdict.ACCEPT)
@few
def test_what_an_act_would_do_is_what_it_does(
    pairs: dict[tuple[int, int], Pair],
    user: User,
    log: list[tuple[tuple[int, int], str]],
    changed: set[tuple[int, int]],
    acted: set[tuple[int, int]],
    verdict: str,
) -> None:
    with pytest.raises(Undone), transaction.atomic():
        for edge, said in log:
            take(pairs[edge], said, user)
        for edge in changed:
            change_text(pairs[edge])
        logbook.lock()
        asked = [pairs[edge].pk for edge in acted]
        open_ = [pair for pair in decisions.for_update(asked) if pair.in_review and pair.stage in implied.ASKED]
        with CaptureQueriesContext(connection) as queries:
            told = bulk.foresee(pairs=open_, verdict=verdict)
        assert all(one["sql"].lstrip("(").startswith("SELECT") for one in queries.captured_queries)
        assert told == bulk.apply(pairs=open_, verdict=verdict, user=user, act=uuid.uuid4())
        raise Undone


def change_text(pair: Pair) -> None:
    """A shop changed a text: what a person decided stands, and is asked again."""
    pair = Pair.objects.select_related(*open_pairs.READ).get(pk=pair.pk)
    pair.text_changed = pair.standing is not None and pair.standing.by == Decision.By.PERSON
    pair.save(update_fields=["text_changed"])
    open_pairs.save_places([pair])
