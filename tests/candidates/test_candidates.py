"""Candidate sets: a caller's, and retrieval's."""

from __future__ import annotations

import uuid
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from alignment import candidates
from alignment.candidates import CandidateError, IdempotencyConflict, Proposal
from alignment.models import SKU, Candidate, CandidateRun, CandidateSet, PolicyVersion
from alignment.sample import load
from tests import factories
from tests.review.test_together import at_once

pytestmark = pytest.mark.django_db


def test_a_repeated_post_is_the_same_post() -> None:
    query, other = factories.make_sku(), factories.make_sku()
    owner = uuid.uuid4()
    first, new = candidates.post_set(query=query, candidates=[other], owner=owner, idempotency_key="k", request_hash="a")
    again, new_again = candidates.post_set(query=query, candidates=[other], owner=owner, idempotency_key="k", request_hash="a")
    assert (first.pk, new, new_again, first.status) == (again.pk, True, False, "pending")
    with pytest.raises(IdempotencyConflict):
        candidates.post_set(query=query, candidates=[other], owner=owner, idempotency_key="k", request_hash="b")
    _other_owner, new = candidates.post_set(query=query, candidates=[other], owner=uuid.uuid4(), idempotency_key="k", request_hash="b")
    assert new


def test_a_set_is_refused_whole() -> None:
    query, other = factories.make_sku(), factories.make_sku()
    for wrong in ([], [query], [other, other], [other] * 501):
        with pytest.raises(CandidateError):
            candidates.post_set(query=query, candidates=wrong)
    assert not CandidateSet.objects.exists()


def test_a_rebuilt_set_waits_only_when_it_gained_something() -> None:
    query, a, b, c = (factories.make_sku() for _ in range(4))
    assert candidates.store_proposals([Proposal(query.pk, [(a.pk, 0.9), (b.pk, 0.5)])]) == 1
    factories.score_waiting_sets(0.1)
    assert candidates.store_proposals([Proposal(query.pk, [(b.pk, 0.8)])]) == 0
    made = CandidateSet.objects.get()
    assert made.status == "scored" and made.candidates.count() == 2, "what was scored stays"
    assert candidates.store_proposals([Proposal(query.pk, [(c.pk, 0.9)])]) == 1
    made.refresh_from_db()
    assert (made.status, made.generation) == ("pending", 1)
    candidates.store_proposals([Proposal(query.pk, [(a.pk, 0.9)])])
    assert not made.candidates.filter(sku=c).exists(), "what was never scored goes"


def test_a_set_that_another_run_made_meanwhile_is_added_to(monkeypatch: pytest.MonkeyPatch) -> None:
    query, a, b = (factories.make_sku() for _ in range(3))
    one, two = (CandidateRun.objects.create(k=5) for _ in range(2))
    create = CandidateSet.objects.bulk_create

    def other_first(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(CandidateSet.objects, "bulk_create", create)
        candidates.store_proposals([Proposal(query.pk, [(a.pk, 0.9)])], run=two)
        return create(*args, **options)

    monkeypatch.setattr(CandidateSet.objects, "bulk_create", other_first)
    assert candidates.store_proposals([Proposal(query.pk, [(b.pk, 0.9), (a.pk, 0.5)])], run=one) == 1
    made = CandidateSet.objects.get()
    assert (made.built_by, made.generation) == (one, 1)
    assert list(made.candidates.order_by("rank").values_list("sku", flat=True)) == [b.pk, a.pk]


@pytest.mark.django_db(transaction=True)
def test_two_runs_that_build_for_one_query_at_once_both_end() -> None:
    query, *others = (factories.make_sku() for _ in range(6))
    two = [CandidateRun.objects.create(k=5) for _ in range(2)]
    for more in range(1, 6):
        found = [Proposal(query.pk, [(sku.pk, 0.9) for sku in others[:more]])]
        assert at_once([partial(candidates.store_proposals, found, run=run) for run in two]) == []
    assert CandidateSet.objects.get().candidates.count() == 5


@pytest.fixture
def sample() -> None:
    call_command("load_sample", stdout=StringIO())


def test_the_sample_is_loaded_once_and_can_be_retrieved_across_languages(sample: None) -> None:
    counts = SKU.objects.count(), Candidate.objects.count(), PolicyVersion.objects.count()
    call_command("load_sample", stdout=StringIO())
    assert (SKU.objects.count(), Candidate.objects.count(), PolicyVersion.objects.count()) == counts
    assert counts[0] == len(load())
    call_command("build_candidates", k=20, stdout=StringIO())
    product = {(row["source"], row["external_id"]): row["product"] for row in load()}
    skus = {sku.pk: sku for sku in SKU.objects.select_related("source")}
    truth = {pk: product[sku.source.name, sku.external_id] for pk, sku in skus.items()}
    right = {
        (q.pk, d.pk)
        for q in skus.values()
        if q.language == "zh"
        for d in skus.values()
        if d.language == "en" and truth[q.pk] == truth[d.pk]
    }
    found = set(Candidate.objects.values_list("query_id", "sku_id"))
    recall = len(right & found) / len(right)
    print(f"zh to en recall at 20: {recall:.1%} of {len(right)}")
    assert recall >= 0.8
    assert not any(query == sku for query, sku in found)


def test_the_same_gtin_is_the_first_candidate_whatever_the_text_says() -> None:
    query = factories.make_sku("Kettle 1.7 L", gtin="04006381333931")
    factories.make_sku("Kettle 1.7 L steel")
    twin = factories.make_sku("XQ-2 hervidor", gtin="04006381333931")
    call_command("build_candidates", stdout=StringIO())
    first = Candidate.objects.filter(query=query).order_by("rank").first()
    assert first is not None and (first.sku, first.retrieval_score) == (twin, 1.0)


def test_candidates_of_another_source_language_and_part_of_the_tree_only() -> None:
    kettles, mats = factories.make_category("Kitchen > Kettles"), factories.make_category("Sports > Mats")
    shop = factories.make_source("Shop B")
    query = factories.make_sku("Kettle 1.7 L", category=kettles)
    factories.make_sku("Kettle 1.7 L", category=kettles)
    factories.make_sku("Kettle 1.7 L", category=kettles, source=shop)
    factories.make_sku("Kettle 1.7 L", category=mats, source=shop, language="fr")
    fits = factories.make_sku("Kettle 1.7 L", category=factories.make_category("Kitchen > Pots"), source=shop, language="fr")
    call_command("build_candidates", "--other-source", "--other-language", "--category-levels", "1", stdout=StringIO())
    assert [candidate.sku for candidate in Candidate.objects.filter(query=query)] == [fits]
