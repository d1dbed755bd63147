"""The queue's promises: one case one person, leases that die, and who is shown what."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from alignment import decisions
from alignment.models import Actor, Membership, Pair
from review import leases, queues
from review.models import HeldSKU, Lease
from tests import factories

pytestmark = pytest.mark.django_db


def make_case(candidates: int = 2, query=None):
    query = query or factories.make_sku()
    factories.make_set(query, [factories.make_sku() for _ in range(candidates)])
    factories.score_waiting_sets(0.8)
    return query


def expire(user):
    Lease.objects.filter(reviewer=user).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_it_hands_out_the_oldest_case_and_holds_every_sku_of_it():
    first, _second = make_case(3), make_case()
    case = leases.take_case(factories.make_reviewer())
    assert case.lease.query == first
    assert len(case.pairs) == 3
    assert HeldSKU.objects.filter(lease=case.lease).count() == 4


def test_it_gives_the_same_case_back_to_whoever_holds_it_and_renews_it():
    make_case(), make_case()
    user = factories.make_reviewer()
    first = leases.take_case(user)
    Lease.objects.update(expires_at=timezone.now() + timedelta(seconds=1))
    again = leases.take_case(user)
    assert again.lease == first.lease
    assert again.lease.expires_at > timezone.now() + timedelta(seconds=60)


def test_two_reviewers_get_different_cases_and_a_third_gets_nothing():
    make_case(), make_case()
    one, two = (leases.take_case(factories.make_reviewer()) for _ in range(2))
    assert one.lease.query != two.lease.query
    assert leases.take_case(factories.make_reviewer()) is None


def test_a_case_that_touches_a_held_sku_is_not_handed_out():
    shared = factories.make_sku()
    factories.make_set(factories.make_sku(), [shared, factories.make_sku()])
    factories.make_set(factories.make_sku(), [shared])
    factories.make_set(shared, [factories.make_sku()])
    factories.score_waiting_sets(0.8)
    assert leases.take_case(factories.make_reviewer()) is not None
    assert leases.take_case(factories.make_reviewer()) is None


def test_an_expired_lease_frees_its_case_and_a_released_one_too():
    query = make_case()
    gone, here, third = (factories.make_reviewer() for _ in range(3))
    leases.take_case(gone)
    assert leases.take_case(here) is None
    expire(gone)
    assert leases.take_case(here).lease.query == query
    leases.release(here)
    assert leases.take_case(third).lease.query == query


def test_a_pair_is_in_hand_only_for_its_holder_and_only_until_an_expired_lease_is_freed():
    make_case()
    holder, other = factories.make_reviewer(), factories.make_admin()
    pair = leases.take_case(holder).pairs[0]
    expire(holder)
    with transaction.atomic():
        assert leases.pair_in_hand(holder, pair.pk)
        with pytest.raises(leases.NotHeld):
            leases.pair_in_hand(other, pair.pk)
    expire(holder)
    assert leases.take_case(other).lease.reviewer == other
    with transaction.atomic(), pytest.raises(leases.NotHeld):
        leases.pair_in_hand(holder, pair.pk)


def test_a_case_ahead_is_another_one_and_nobody_else_gets_it():
    make_case(), make_case()
    user = factories.make_reviewer()
    assert factories.take_ahead(user) is None, "nothing is in hand yet"
    in_hand, ahead = leases.take_case(user), factories.take_ahead(user)
    assert ahead.lease.query != in_hand.lease.query
    assert factories.take_ahead(user).lease == ahead.lease
    assert leases.take_case(user).lease == in_hand.lease
    assert leases.take_case(factories.make_reviewer()) is None


def test_the_case_ahead_becomes_the_one_in_hand_when_that_is_done():
    make_case(1), make_case(1), make_case(1)
    user = factories.make_reviewer()
    in_hand, ahead = leases.take_case(user), factories.take_ahead(user)
    decisions.decide(pair_id=in_hand.pairs[0].pk, verdict="reject", user=user)
    promoted = leases.take_case(user)
    assert (promoted.lease, promoted.lease.ahead, promoted.pairs) == (ahead.lease, False, ahead.pairs)
    assert factories.take_ahead(user).lease.query not in {in_hand.lease.query, ahead.lease.query}


def test_two_presses_that_end_one_case_put_one_case_in_hand():
    make_case(1), make_case(1), make_case(1)
    user = factories.make_reviewer()
    in_hand, second = leases.take_case(user), factories.take_ahead(user)
    [pair] = in_hand.pairs
    decisions.decide(pair_id=pair.pk, verdict="reject", user=user)
    assert leases.remaining(in_hand, decided=pair.pk) is None
    third = factories.take_ahead(user)
    assert leases.remaining(in_hand, decided=pair.pk) is None
    assert (leases.take_case(user).lease, factories.take_ahead(user).lease) == (second.lease, third.lease)


def test_a_case_is_drawn_from_all_that_its_pairs_are_whatever_its_verdict_needed_to_read(django_assert_num_queries):
    make_case(2)
    user = factories.make_reviewer()
    leases.take_case(user)
    drawn = leases.to_draw(leases.take_case(user, briefly=True))
    with django_assert_num_queries(0):
        for pair in drawn.pairs:
            assert pair.score.model.name and pair.policy.instruction and pair.policy.category.path == "" and pair.category is None
            assert pair.standing is None and not pair.guard


def test_a_sign_of_life_renews_both_cases():
    make_case(), make_case()
    user = factories.make_reviewer()
    leases.take_case(user), factories.take_ahead(user)
    expire(user)
    assert leases.renew(user) == 2
    assert leases.take_case(factories.make_reviewer()) is None
    leases.release(user)
    assert leases.renew(user) == 0


def test_a_case_ahead_that_expired_is_freed_as_any_other():
    make_case(), make_case()
    gone, here = factories.make_reviewer(), factories.make_reviewer()
    leases.take_case(gone), factories.take_ahead(gone)
    expire(gone)
    assert leases.take_case(here) and factories.take_ahead(here)
    assert leases.renew(gone) == 0


def test_the_case_of_an_undone_verdict_comes_back_though_the_one_ahead_touches_it():
    query, shared = factories.make_sku(), factories.make_sku()
    factories.make_set(query, [shared])
    factories.score_waiting_sets(0.8)
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    factories.make_set(factories.make_sku(), [shared])
    factories.score_waiting_sets(0.8)
    user = factories.make_reviewer()
    decided = leases.take_case(user).pairs[0]
    decisions.decide(pair_id=decided.pk, verdict="reject", user=user)
    assert leases.take_case(user) and factories.take_ahead(user)
    decisions.undo(user=user)
    assert leases.take_case(user, query_id=query.pk).pairs == [decided]


def test_whatever_is_in_one_group_with_a_cases_listings_is_held_too():
    twin, other = factories.make_sku(), factories.make_sku()
    query = make_case(2)
    grouped = factories.make_pair(0.95, left=query, right=twin)
    factories.make_pair(0.8, left=twin, right=other)
    assert Membership.objects.filter(sku=twin, group__isnull=False).exists(), grouped
    assert leases.take_case(factories.make_reviewer()).lease.query == query
    assert HeldSKU.objects.filter(sku=twin).exists()
    assert leases.take_case(factories.make_reviewer()) is None


def test_a_pair_that_opens_under_a_held_query_is_not_the_holders_until_they_take_it():
    query = make_case()
    user = factories.make_reviewer()
    taken = leases.take_case(user)
    late = factories.make_pair(0.8, left=query)
    assert late.query_id == query.pk
    assert late.pk not in {pair.pk for pair in leases.take_case(user).pairs}
    for pair in taken.pairs:
        decisions.decide(pair_id=pair.pk, verdict="reject", user=user)
    assert [pair.pk for pair in leases.take_case(user).pairs] == [late.pk]


def test_what_a_person_found_unsure_goes_to_others_and_then_to_admins_only():
    query = make_case(1)
    one, two, admin = factories.make_reviewer(), factories.make_reviewer(), factories.make_admin()
    pair = leases.take_case(one).pairs[0]
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=one)
    assert leases.take_case(one) is None
    assert queues.left(one).pairs == 0
    assert leases.take_case(two).lease.query == query
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=two)
    assert Pair.objects.get(pk=pair.pk).stage == "escalated"
    assert leases.take_case(two) is None
    assert leases.take_case(two, escalated=True) is None
    assert leases.take_case(admin) is None
    assert leases.take_case(admin, escalated=True).lease.query == query


def test_an_unsure_taken_back_shows_the_pair_again():
    make_case(1)
    user = factories.make_reviewer()
    factories.make_reviewer()
    pair = leases.take_case(user).pairs[0]
    decisions.decide(pair_id=pair.pk, verdict="unsure", user=user)
    decisions.undo(user=user)
    assert leases.take_case(user).pairs == [pair]


def test_the_number_of_queries_does_not_grow_with_the_queue(django_assert_max_num_queries):
    for _ in range(12):
        make_case(4)
    user = factories.make_reviewer()
    Actor.of(user)
    with django_assert_max_num_queries(14):
        leases.take_case(user)
    with django_assert_max_num_queries(12):
        factories.take_ahead(user)


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_never_share_a_sku():
    shared = [factories.make_sku() for _ in range(4)]
    for _ in range(6):
        factories.make_set(factories.make_sku(), [factories.make_sku(), shared[_ % 4]])
    factories.score_waiting_sets(0.8)
    users, taken, failures = [factories.make_reviewer() for _ in range(6)], [], []
    start = threading.Barrier(6)

    def ask(user):
        try:
            start.wait()
            for _ in range(5):
                if case := leases.take_case(user):
                    taken.append((user.pk, case.lease.pk))
        except Exception as error:  # noqa: BLE001 - reported below, from the test's own thread
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask, args=(user,)) for user in users]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert failures == []
    assert 1 <= len({lease for _user, lease in taken}) <= 6
    assert HeldSKU.objects.count() == Lease.objects.count() * 3
