"""Reviewers at once, on a database that writes: nobody is handed what somebody else has, and no pair is decided twice."""

from __future__ import annotations

import re
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alignment import groups
from alignment.models import Candidate, CandidateSet, Decision, Pair
from review import figures, leases, queue_counts
from review.models import DecisionDay, Figures, HeldSKU, Lease, QueueCount
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
CASES = 200
PAIR = re.compile(r'name="pair" value="(\d+)"')


def make_cases(number: int, probability: float = 0.8) -> None:
    """Cases of one pair; every fourth shares its candidate with the one before."""
    sets, candidates, last = [], [], None
    for place in range(number):
        query = factories.make_sku()
        other = last if place % 4 == 3 else factories.make_sku()
        sets.append(CandidateSet(query=query, origin="caller"))
        candidates.append(Candidate(query=query, sku=other, rank=1))
        last = other
    for made, candidate in zip(CandidateSet.objects.bulk_create(sets), candidates, strict=True):
        candidate.set = made
    Candidate.objects.bulk_create(candidates)
    factories.score_waiting_sets(probability)


def at_once(works) -> list[Exception]:
    failures: list[Exception] = []
    start = threading.Barrier(len(works))

    def run(work):
        try:
            start.wait()
            work()
        except Exception as error:  # noqa: BLE001 - reported below, from the test's own thread
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return failures


def test_two_reviewers_clear_two_hundred_cases_and_no_pair_is_shown_to_both():
    make_cases(CASES)
    shown: dict[str, list[int]] = {"one": [], "two": []}

    def clear(name: str) -> None:
        client, verdict = Client(), {"one": "reject", "two": "accept"}[name]
        client.force_login(factories.User.objects.get(username=name))
        while Pair.objects.filter(in_review=True).exists():
            # What the client captures of contexts is one thread's or the other's; the page is its own.
            for pair in map(int, PAIR.findall(client.get(reverse("case"), follow=True).content.decode())):
                shown[name].append(pair)
                form = {"pair": pair, "verdict": verdict, "request_id": str(uuid.uuid4()), "seen_standing": ""}
                answer = client.post(reverse("decide"), form, HTTP_ACCEPT="application/json").json()
                assert answer["kept"], answer["why"]

    for name in shown:
        factories.make_reviewer(name)
    assert at_once([lambda name=name: clear(name) for name in shown]) == []
    assert not set(shown["one"]) & set(shown["two"])
    decided = list(Decision.objects.filter(by="person").values_list("pair", flat=True))
    assert len(decided) == len(set(decided)) == len(shown["one"]) + len(shown["two"])
    assert groups.verify() == []


@pytest.mark.parametrize("cases", (1, 2))
def test_one_reviewer_who_asks_four_times_at_once_is_handed_the_same_case_each_time(cases):
    """A page that is loaded again while the first answer is on its way, and what each of them looks ahead for."""
    make_cases(cases)
    user = factories.make_reviewer()
    for _round in range(10):
        leases.release(user)
        for take in (leases.take_case, factories.take_ahead):
            taken: list[leases.Case | None] = []
            assert at_once([lambda take=take, taken=taken: taken.append(take(user))] * 4) == []
            assert len({case and case.lease.pk for case in taken}) == 1
        assert Lease.objects.filter(reviewer=user).count() == cases


def test_one_reviewer_who_asks_four_times_at_once_for_one_case_is_handed_it_each_time():
    """A link to a case that is pressed twice, or a press that comes late beside a page that is loaded again."""
    make_cases(2)
    user, query = factories.make_reviewer(), Pair.objects.latest("pk").query_id
    for _round in range(10):
        leases.release(user)
        taken: list[leases.Case | None] = []
        assert at_once([lambda taken=taken: taken.append(leases.take_case(user, query_id=query))] * 4) == []
        assert [case and case.lease.query_id for case in taken] == [query] * 4


def test_whatever_many_do_at_once_no_listing_is_in_two_hands():
    make_cases(24)
    users = [factories.make_reviewer() for _ in range(6)]
    touched: list[set[tuple[int, int]]] = []

    def wander(user) -> None:
        for _ in range(4):
            case, ahead = leases.take_case(user), factories.take_ahead(user)
            held = dict(HeldSKU.objects.filter(lease__reviewer=user).values_list("sku", "lease"))
            for one in filter(None, (case, ahead)):
                assert all({pair.left_id, pair.right_id} <= set(held) for pair in one.pairs)
                touched.append({(sku, user.pk) for pair in one.pairs for sku in (pair.left_id, pair.right_id)})
            leases.renew(user)
        # The last case stays in hand.

    assert at_once([lambda user=user: wander(user) for user in users]) == []
    holders: dict[int, set[int]] = {}
    for sku, user in set().union(*touched):
        holders.setdefault(sku, set()).add(user)
    assert all(len(users) == 1 for users in holders.values())
    assert Lease.objects.count() == 12


def test_a_killed_browsers_case_goes_to_who_asks_next_and_its_late_verdict_is_refused(client):
    make_cases(1)
    gone, here = factories.make_reviewer(), factories.make_reviewer()
    client.force_login(gone)
    pair = client.get(reverse("case"), follow=True).context["candidates"][0].pair
    Lease.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert leases.take_case(here).pairs == [pair]
    late = client.post(reverse("decide"), {"pair": pair.pk, "verdict": "accept", "seen_standing": ""}, HTTP_ACCEPT="application/json")
    assert (late.status_code, late.json()["kept"]) == (409, False)
    assert not Decision.objects.filter(by="person").exists()


def test_two_workers_that_count_the_queues_at_once_leave_one_count():
    make_cases(4)
    now = timezone.now()

    def count():
        for hour in range(12):
            queue_counts.count(now=now + timedelta(hours=hour))

    assert not at_once([count, count, count])
    assert QueueCount.objects.get().pairs == 4
    assert QueueCount.objects.get().counted_at == now + timedelta(hours=11)


def test_two_workers_that_count_everything_at_once_count_each_decision_once():
    make_cases(4, probability=0.95)
    now = timezone.now()

    def count():
        for hour in range(4):
            figures.count(now=now + timedelta(hours=hour))

    assert not at_once([count, count, count])
    assert Figures.objects.filter(category=None).count() == 1
    assert sum(DecisionDay.objects.values_list("decisions", flat=True)) == Decision.objects.count() == 4
