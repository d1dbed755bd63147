"""Claims, leases and failures of scoring work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alignment import scoring
from alignment.models import Candidate, CandidateSet, Score
from tests.factories import make_admin, make_model, make_set, make_sku

pytestmark = pytest.mark.django_db
Status = CandidateSet.Status


def waiting_sets(count: int) -> list[CandidateSet]:
    return [make_set(make_sku(), [make_sku()]) for _ in range(count)]


def claim(holder: str = "one", token_budget: int = 1_000_000) -> list[CandidateSet]:
    return scoring.claim(holder=holder, token_budget=token_budget)


def let_leases_expire() -> None:
    CandidateSet.objects.filter(status=Status.CLAIMED).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def facts_for(works: list[scoring.Work], probability: float = 0.8) -> list[scoring.Fact]:
    return [scoring.Fact(inputs, 1.0, probability, 10, 0) for work in works for inputs in work.documents]


def test_a_claimed_set_is_not_claimed_again() -> None:
    waiting_sets(3)
    assert len(claim("one")) == 3
    assert claim("two") == []


def test_a_claim_stays_within_its_token_budget_but_takes_at_least_one() -> None:
    waiting_sets(3)
    assert len(claim(token_budget=1)) == 1


def test_interactive_sets_come_first_and_alone() -> None:
    waiting_sets(2)
    asked = make_set(make_sku(), [make_sku()], interactive=True)
    assert [s.pk for s in claim()] == [asked.pk]
    assert len(claim()) == 2


def test_a_dead_claim_is_freed_and_its_sets_come_back_alone() -> None:
    waiting_sets(2)
    claim()
    assert scoring.sweep() == 0
    let_leases_expire()
    assert scoring.sweep() == 2
    assert [len(claim()) for _ in range(3)] == [1, 1, 0]


def test_progress_renews_a_claim() -> None:
    waiting_sets(1)
    sets = claim()
    let_leases_expire()
    scoring.renew(holder="one", sets=sets)
    assert scoring.sweep() == 0


def test_a_set_that_kills_its_process_three_times_is_parked_with_a_reason() -> None:
    (made,) = waiting_sets(1)
    for _ in range(scoring.MOST_ATTEMPTS):
        assert claim()
        let_leases_expire()
        scoring.sweep()
    made.refresh_from_db()
    assert made.status == Status.PARKED and "died" in made.error


def test_a_failed_set_waits_before_it_is_tried_again() -> None:
    (made,) = waiting_sets(1)
    scoring.fail(sets=claim(), holder="one", error="ValueError: bad text")
    assert claim() == []
    CandidateSet.objects.update(not_before=timezone.now())
    assert claim()[0].pk == made.pk


def test_a_parked_set_can_be_retried() -> None:
    (made,) = waiting_sets(1)
    CandidateSet.objects.update(status=Status.PARKED, attempts=3, error="bad")
    assert scoring.retry(sets=CandidateSet.objects.filter(pk=made.pk), user=make_admin()) == 1
    assert claim()[0].pk == made.pk


def test_progress_counts_every_set_though_old_ones_are_counted_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "NEW_SETS", 2)
    assert set(scoring.progress().values()) == {0}
    statuses = ["pending", "scored", "parked", "scored"]
    sets = [make_set(make_sku(), [make_sku()]) for _ in statuses]
    for one, status in zip(sets, statuses, strict=True):
        CandidateSet.objects.filter(pk=one.pk).update(status=status)
    cache.delete(scoring.OLD_SETS)
    assert scoring.progress() == {"pending": 1, "claimed": 0, "scored": 2, "parked": 1, "aside": 0}
    assert cache.get(scoring.OLD_SETS) == (sets[1].pk, 2)
    make_set(make_sku(), [make_sku()])
    CandidateSet.objects.filter(pk=sets[0].pk).update(status="scored")
    CandidateSet.objects.filter(pk=sets[3].pk).update(status="pending")
    with CaptureQueriesContext(connection) as queries:
        assert scoring.progress() == {"pending": 2, "claimed": 0, "scored": 2, "parked": 1, "aside": 0}
    assert len(queries) == 1


def test_a_late_result_stores_its_scores_and_nothing_else() -> None:
    (made,) = waiting_sets(1)
    works = scoring.prepare(claim(), model=make_model())
    let_leases_expire()
    scoring.sweep()
    assert scoring.store(works=works, facts=facts_for(works), model=make_model(), holder="one") == 0
    made.refresh_from_db()
    assert made.status == Status.PENDING
    assert Score.objects.count() == 1
    works = scoring.prepare(claim("two"), model=make_model())
    assert [work.documents for work in works] == [{}]
    assert scoring.store(works=works, facts=[], model=make_model(), holder="two") == 1


def test_a_result_for_inputs_that_changed_meanwhile_does_not_finish_its_set() -> None:
    (made,) = waiting_sets(1)
    works = scoring.prepare(claim(), model=make_model())
    scoring.set_waiting(scoring.Q(pk=made.pk))
    CandidateSet.objects.update(status=Status.CLAIMED, holder="one", lease_expires_at=timezone.now())
    assert scoring.store(works=works, facts=facts_for(works), model=make_model(), holder="one") == 0


def test_storing_twice_changes_nothing() -> None:
    waiting_sets(1)
    works = scoring.prepare(claim(), model=make_model())
    for _ in range(2):
        scoring.store(works=works, facts=facts_for(works), model=make_model(), holder="one")
    assert Score.objects.count() == 1
    assert Candidate.objects.get().score.probability == 0.8


def test_an_empty_set_is_finished_at_once() -> None:
    made = make_set(make_sku(), [])
    works = scoring.prepare(claim(), model=make_model())
    assert scoring.store(works=works, facts=[], model=make_model(), holder="one") == 1
    made.refresh_from_db()
    assert made.status == Status.SCORED


def test_a_lease_lasts_as_long_as_the_setting_says() -> None:
    waiting_sets(1)
    claim()
    left = CandidateSet.objects.get().lease_expires_at - timezone.now()
    assert timedelta(0) < left <= timedelta(seconds=settings.SCORING_LEASE_SECONDS)
