"""Scoring in the list of runs: why sets wait, for whom, how many are scored, and what became of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from alignment import candidates, runs, scoring
from alignment.models import SKU, ApiToken, CandidateRun, CandidateSet, RunEvent, ScoringRun
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(factories.make_admin())
    return client


def build(queries: int = 3, **options: Any) -> CandidateRun:
    run = CandidateRun.objects.create(k=1, status="running", author=factories.make_admin("lin"), **options)
    skus = [factories.make_sku() for _ in range(queries + 1)]
    candidates.store_proposals([candidates.Proposal(sku.pk, [(skus[-1].pk, 0.5)]) for sku in skus[:-1]], run=run)
    return run


def post(query: SKU, candidate: SKU, token: ApiToken) -> CandidateSet:
    return candidates.post_set(query=query, candidates=[candidate], token=token, owner=None)[0]


def make_token(name: str = "ERP") -> ApiToken:
    return ApiToken.objects.create(user=factories.make_admin(), name=name, scope="write")[0]


def fail_all(times: int = scoring.MOST_ATTEMPTS) -> None:
    for _ in range(times):
        CandidateSet.objects.update(not_before=None)
        while sets := scoring.claim(holder="one", token_budget=1_000_000):
            scoring.fail(sets=sets, holder="one", error="CUDA out of memory")


def only() -> ScoringRun:
    return ScoringRun.objects.get()


def row(client: Client, address: str = "/runs/?kind=scoring") -> Any:
    (found, _cells) = client.get(address).context["list"].rows[0]
    return found.told


def test_what_a_build_has_scored_is_a_row_with_who_how_far_and_for_what(client: Client) -> None:
    build(source=factories.make_source("Brightcart"))
    sets = scoring.claim(holder="one", token_budget=1)
    works = scoring.prepare(sets, model=factories.make_model())
    facts = [scoring.Fact(inputs, 1.0, 0.8, 10, 0) for work in works for inputs in work.documents]
    scoring.store(works=works, facts=facts, model=factories.make_model(), holder="one")
    told = row(client)
    assert (told.name, told.detail, told.who, told.pace.done, told.pace.of) == ("New candidates", "Brightcart", "lin", 1, 3)
    assert told.unfinished and told.cancels


def test_it_is_done_when_all_is_scored_and_nothing_more_is_built() -> None:
    build_run = build()
    factories.score_waiting_sets(0.8)
    assert only().status == "running"
    runs.finish(build_run)
    scoring.sweep()
    assert (only().status, only().sets_done) == ("done", 3)
    assert list(RunEvent.objects.filter(run=only().uuid).values_list("what", flat=True)) == ["asked", "done"]


def test_scoring_everything_anew_is_a_run_and_the_sets_leave_what_they_waited_for() -> None:
    runs.finish(build())
    call_command("rescore")
    before, anew = ScoringRun.objects.order_by("pk")
    assert (before.sets, before.kind, anew.sets, anew.kind) == (0, "candidates", 3, "rescore")
    factories.score_waiting_sets(0.8)
    scoring.sweep()
    assert set(ScoringRun.objects.values_list("status", "sets_done")) == {("done", 0), ("done", 3)}


def test_what_a_token_posts_in_a_day_is_one_row(client: Client) -> None:
    token, (query, first, second) = make_token(), [factories.make_sku() for _ in range(3)]
    post(query, first, token)
    factories.score_waiting_sets(0.8)
    assert only().status == "done"
    post(query, second, token)
    assert (only().status, only().sets, only().sets_done) == ("running", 2, 1)
    assert (row(client).name, row(client).detail) == ("Posted candidates", "ERP")


def test_the_next_day_and_another_token_have_rows_of_their_own() -> None:
    token, (query, first, second) = make_token(), [factories.make_sku() for _ in range(3)]
    post(query, first, token)
    ScoringRun.objects.update(created_at=timezone.now() - timedelta(days=1))
    post(query, second, token)
    post(first, second, make_token("Feed"))
    assert list(ScoringRun.objects.values_list("sets", flat=True)) == [1, 1, 1]


def test_failed_sets_are_counted_once_and_tried_again_they_are_a_run_of_their_own(client: Client) -> None:
    runs.finish(build(2))
    fail_all()
    assert (only().status, only().sets_failed) == ("done", 2)
    assert row(client).error == "2 sets failed"
    scoring.retry(sets=CandidateSet.objects.all(), user=factories.make_admin("ana"))
    factories.score_waiting_sets(0.8)
    again = ScoringRun.objects.latest("pk")
    assert (again.kind, again.author.username, again.status, again.sets_done) == ("retry", "ana", "done", 2)  # type: ignore[union-attr]


def test_an_attempt_that_is_not_the_last_fails_nothing() -> None:
    build(1)
    fail_all(times=1)
    assert (only().sets, only().sets_failed) == (1, 0)


def test_a_set_without_a_run_is_scored_as_ever() -> None:
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    factories.score_waiting_sets(0.8)
    scoring.sweep()
    assert not ScoringRun.objects.exists()
