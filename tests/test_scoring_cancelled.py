"""Scoring that somebody cancels: what is scored stays, what waits is set aside and told, and one press brings it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from alignment import candidates, runs, scoring, scoring_runs
from alignment.models import ApiToken, AuditEvent, CandidateRun, CandidateSet, Pair, RunEvent, ScoringRun
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(factories.make_admin("ana"))
    return client


def build(queries: int = 3) -> ScoringRun:
    run = CandidateRun.objects.create(k=1, status="running", author=factories.make_admin())
    skus = [factories.make_sku() for _ in range(queries + 1)]
    candidates.store_proposals([candidates.Proposal(sku.pk, [(skus[-1].pk, 0.5)]) for sku in skus[:-1]], run=run)
    runs.finish(run)
    return ScoringRun.objects.get()


def score(sets: list[CandidateSet], holder: str = "one") -> None:
    model = factories.make_model()
    works = scoring.prepare(sets, model=model)
    facts = [scoring.Fact(inputs, 1.0, 0.8, 10, 0) for work in works for inputs in work.documents]
    scoring.store(works=works, facts=facts, model=model, holder=holder)


def cancel(client: Client, run: ScoringRun) -> str:
    page = client.post(f"/runs/{run.uuid}/cancel/", follow=True).content.decode()
    scoring_runs.follow(run.pk)
    run.refresh_from_db()
    return page


def go_on(client: Client, run: ScoringRun) -> str:
    page = client.post(f"/runs/{run.uuid}/retry/", follow=True).content.decode()
    scoring_runs.follow(run.pk)
    run.refresh_from_db()
    return page


def states() -> list[str]:
    return list(CandidateSet.objects.order_by("pk").values_list("status", flat=True))


def test_what_is_scored_stays_what_is_claimed_is_finished_and_what_waits_is_set_aside(client: Client) -> None:
    run = build(3)
    score(scoring.claim(holder="one", token_budget=1))
    claimed = scoring.claim(holder="one", token_budget=1)
    cancel(client, run)
    assert states() == ["scored", "claimed", "aside"]
    score(claimed)
    run.refresh_from_db()
    assert (run.status, run.sets_done, run.sets_left) == ("cancelled", 2, 1)
    assert scoring.claim(holder="one", token_budget=1_000_000) == []


def test_one_press_brings_back_what_was_set_aside_until_all_is_scored(client: Client) -> None:
    run = build(3)
    cancel(client, run)
    go_on(client, run)
    assert (run.status, states()) == ("running", ["pending"] * 3)
    factories.score_waiting_sets(0.8)
    run.refresh_from_db()
    assert (run.status, run.sets_done, Pair.objects.filter(route="review").count()) == ("done", 3, 3)


def test_pages_say_what_waits_because_of_it_and_how_it_goes_on(client: Client) -> None:
    run = build(3)
    score(scoring.claim(holder="one", token_budget=1))
    assert "/cancel/" in client.get(f"/runs/{run.uuid}/").content.decode()
    cancel(client, run)
    page = client.get(f"/runs/{run.uuid}/").content.decode()
    assert "2 sets are not scored" in page and "Score the rest" in page
    (row,) = [row.told for row, _cells in client.get("/runs/?kind=scoring").context["list"].rows]
    assert "2 sets not scored" in row.error
    assert "2 sets are set aside" in client.get("/scoring/").content.decode()
    line = next(line for line in client.get("/").context["desk"].wrong if line.label == "Scoring was cancelled")
    assert (line.amount.number, line.href) == (2, "/runs/?kind=scoring&status=cancelled")


def test_the_audit_and_the_runs_log_say_who_cancelled_and_who_had_it_go_on(client: Client) -> None:
    run = build()
    cancel(client, run)
    go_on(client, run)
    assert list(RunEvent.objects.filter(run=run.uuid).values_list("what", "author__username"))[1:] == [
        ("cancelled", "ana"),
        ("retried", "ana"),
    ]
    assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"cancel run", "retry run"}


def test_a_worker_that_dies_with_a_claim_leaves_its_set_to_the_cancelled_run(client: Client) -> None:
    run = build(1)
    scoring.claim(holder="one", token_budget=1)
    cancel(client, run)
    CandidateSet.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    scoring.sweep()
    assert states() == ["aside"]
    go_on(client, run)
    factories.score_waiting_sets(0.8)
    assert states() == ["scored"]


def test_nothing_of_it_is_claimed_before_a_worker_has_set_it_aside(client: Client) -> None:
    run = build(40)
    client.post(f"/runs/{run.uuid}/cancel/")
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    assert [one.scoring_run for one in scoring.claim(holder="one", token_budget=1_000_000)] == [None]
    assert set(states()) == {"aside", "claimed"}


def test_a_worker_killed_between_two_chunks_is_followed_by_the_sweep(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run = build(5)
    monkeypatch.setattr(scoring_runs, "AT_ONCE", 2)
    client.post(f"/runs/{run.uuid}/cancel/")
    scoring_runs._follow_some(run.pk)
    assert sorted(states()) == ["aside", "aside", "pending", "pending", "pending"]
    scoring.sweep()
    assert states() == ["aside"] * 5
    client.post(f"/runs/{run.uuid}/retry/")
    scoring_runs._follow_some(run.pk)
    scoring.sweep()
    assert states() == ["pending"] * 5


def test_a_set_that_is_asked_for_again_does_not_stay_aside(client: Client) -> None:
    run = build(3)
    cancel(client, run)
    first = CandidateSet.objects.earliest("pk")
    scoring.set_waiting(Q(pk=first.pk))
    run.refresh_from_db()
    assert (states(), run.sets) == (["pending", "aside", "aside"], 2)
    factories.score_waiting_sets(0.8)
    go_on(client, run)
    factories.score_waiting_sets(0.8)
    run.refresh_from_db()
    assert (run.status, run.sets_done) == ("done", 2)


def test_a_pair_is_not_routed_by_one_direction_while_the_other_is_set_aside(client: Client) -> None:
    first, second = factories.make_sku(), factories.make_sku()
    build_run = CandidateRun.objects.create(k=1, status="done")
    candidates.store_proposals([candidates.Proposal(first.pk, [(second.pk, 0.5)])], run=build_run)
    cancel(client, ScoringRun.objects.get())
    factories.make_set(second, [first])
    factories.score_waiting_sets(0.95)
    assert Pair.objects.get().route == "waiting"
    go_on(client, ScoringRun.objects.get())
    factories.score_waiting_sets(0.95)
    assert Pair.objects.get().route == "accept"


def test_what_a_token_posts_after_it_is_a_run_of_its_own(client: Client) -> None:
    token = ApiToken.objects.create(user=factories.make_admin(), name="ERP", scope="write")[0]
    query, one, other = (factories.make_sku() for _ in range(3))
    candidates.post_set(query=query, candidates=[one], token=token, owner=None)
    cancel(client, ScoringRun.objects.get())
    candidates.post_set(query=query, candidates=[other], token=token, owner=None)
    scoring.sweep()
    assert states() == ["aside", "pending"]
    assert list(ScoringRun.objects.order_by("pk").values_list("status", "sets")) == [("cancelled", 1), ("running", 1)]


def test_what_a_build_finds_after_it_is_set_aside_too(client: Client) -> None:
    run = build(1)
    cancel(client, run)
    query, other = factories.make_sku(), factories.make_sku()
    candidates.store_proposals([candidates.Proposal(query.pk, [(other.pk, 0.5)])], run=run.candidates)
    scoring.sweep()
    run.refresh_from_db()
    assert (run.status, run.sets, states()) == ("cancelled", 2, ["aside", "aside"])
