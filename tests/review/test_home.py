"""The first page: a reviewer's case, an admin's desk."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from alignment import decisions, rollout, scoring_workers
from alignment.models import CandidateSet, Category, CategoryChange, ExportRun, ImportRun, Pair
from review import desk, figures, queue_counts
from review.models import QueueCount
from tests import factories
from tests.steps import opened

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    user = factories.make_admin()
    client.force_login(user)
    return user


def said(client) -> str:
    page = client.get(reverse("home"))
    assert page.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())


def test_a_reviewer_goes_to_their_case(client):
    client.force_login(factories.make_reviewer())
    assert client.get(reverse("home")).url == reverse("case")


def test_a_first_visit_offers_the_way_and_its_first_step(client, admin):
    html = client.get(reverse("home")).content.decode()
    steps = re.findall(r"<li( aria-current=\"step\")?><span class=\"sign( accept)?\"", html)
    assert [bool(now) for now, _done in steps] == [True, False, False, False, False]
    assert f'class="button primary" href="{reverse("imports")}"' in html


def test_the_way_goes_on_where_it_was_left(client, admin):
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    steps = {step.label: (step.done, step.now) for step in desk.see().way}
    assert steps["Import"] == (True, False) and steps["Build candidates"] == (True, False) and steps["Scoring"] == (False, True)


def test_review_is_not_done_while_pairs_wait_and_the_way_goes_on_all_the_same(client, admin):
    pair, other = factories.make_pair(0.8), factories.make_pair(0.8)
    decisions.decide(pair_id=pair.pk, verdict="accept", user=admin)
    steps = {step.label: step for step in desk.see().way}
    assert (steps["Review"].done, steps["Review"].beside, steps["Export"].now) == (False, "pairs wait", True)
    decisions.decide(pair_id=other.pk, verdict="reject", user=admin)
    assert {step.label: step.done for step in desk.see().way}["Review"]


def test_scoring_is_not_done_while_sets_wait_and_the_way_goes_on_all_the_same(client, admin):
    factories.make_pair(0.8)
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    steps = {step.label: step for step in desk.see().way}
    assert (steps["Scoring"].done, steps["Scoring"].beside, steps["Review"].now) == (False, "sets wait", True)
    factories.score_waiting_sets(0.8)
    assert {step.label: step.done for step in desk.see().way}["Scoring"]


def test_what_a_periodic_task_counted_says_when(client, admin):
    factories.make_pair(0.8), factories.make_pair(0.95)
    assert "Counted" not in said(client)
    assert figures.count(now=timezone.now() + timedelta(minutes=1))
    queue_counts.count(now=timezone.now())
    assert said(client).count("Counted just now") == 2


def test_what_waits_for_people_is_counted_where_no_queue_was_counted_yet(client, admin):
    factories.make_pair(0.8)
    (line,) = desk.see().waiting
    assert (line.amount.number, line.oldest) == (1, Pair.objects.get().due_since)


def test_what_waits_is_told_by_stage_with_its_age_once_queues_are_counted(client, admin):
    root, now = Category.objects.get(path=""), timezone.now()
    for languages, stage, pairs in (("en|zh", "first", 5), ("de|zh", "first", 2), ("en|zh", "escalated", 1)):
        QueueCount.objects.create(
            category=root,
            languages=languages,
            stage=stage,
            pairs=pairs,
            cases=1,
            overdue=3,
            oldest_at=now - timedelta(days=pairs),
            counted_at=now,
        )
    lines = desk.see().waiting
    assert [(line.label, line.amount.number, line.oldest) for line in lines] == [
        ("First opinion", 7, now - timedelta(days=5)),
        ("Escalated", 1, now - timedelta(days=1)),
    ]
    assert lines[0].beside == "6 overdue"


def test_what_runs_is_shown_with_its_pace_and_the_time_left(client, admin):
    for _ in range(3):
        factories.make_set(factories.make_sku(), [factories.make_sku() for _ in range(4)])
    scoring_workers.report(name="gpu", pairs_per_second=0.1)
    ImportRun.objects.create(source=factories.make_source(), file_name="offers.csv")
    seen = desk.see()
    assert {line.label: line.amount.number for line in seen.running} == {"Sets to score": 3, "Imports": 1}
    assert seen.left == timedelta(seconds=120)
    assert "0.10 pairs per second" in said(client) and "about 2 minutes left" in said(client)


def test_how_far_each_kind_of_run_is_stands_beside_it(client, admin):
    source = factories.make_source()
    ImportRun.objects.create(source=source, file_name="offers.csv", rows_read=1_500, rows_total=6_000)
    ImportRun.objects.create(source=source, file_name="more.csv")
    CategoryChange.objects.create(kind="rename", before="Baby", after="Infants", rescored=3)
    for _ in range(rollout.CHUNK + 5):
        factories.make_set(factories.make_sku(), [factories.make_sku()], status=CandidateSet.Status.PARKED)
    factories.make_policy(review_at=0.6)
    running = {line.label: line for line in desk.see().running}
    assert (running["Policies being applied"].amount.number, running["Policies being applied"].beside) == (1, "")
    assert rollout.advance()
    running = {line.label: line for line in desk.see().running}
    assert running["Policies being applied"].beside == f"{rollout.CHUNK} of {rollout.CHUNK + 5}"
    assert (running["Imports"].amount.number, running["Imports"].beside) == (2, "1,500 of 6,000")
    assert (running["Changes of categories"].amount.number, running["Changes of categories"].beside) == (1, "")
    assert f"Policies being applied {1} {rollout.CHUNK} of {rollout.CHUNK + 5}" in said(client)
    while rollout.advance():
        pass
    assert "Policies being applied" not in said(client)


def test_more_sets_than_are_counted_take_more_than_the_time_told(client, admin, monkeypatch):
    monkeypatch.setattr(desk, "COUNTED", 2)
    for _ in range(3):
        factories.make_set(factories.make_sku(), [factories.make_sku() for _ in range(4)])
    scoring_workers.report(name="gpu", pairs_per_second=0.05)
    assert "more than 2 minutes left" in said(client)


def test_the_way_ends_with_a_file_that_is_there_not_with_one_asked_for(client, admin):
    asked = ExportRun.objects.create(author=admin)
    assert [step.done for step in desk.see().way] == [False] * 5
    ExportRun.objects.filter(pk=asked.pk).update(status=ExportRun.Status.DONE)
    assert desk.see().way[-1].done


def test_a_missing_worker_and_failed_sets_and_refused_rows_are_what_is_wrong(client, admin):
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    factories.make_set(factories.make_sku(), [factories.make_sku()], status=CandidateSet.Status.PARKED)
    ImportRun.objects.create(source=factories.make_source(), file_name="offers.csv", status="done", error_count=7)
    ImportRun.objects.create(source=factories.make_source(), file_name="broken.csv", status="failed")
    assert {line.label: line.amount.number for line in desk.see().wrong} == {
        "No worker runs, so nothing is scored": 1,
        "Sets that failed": 1,
        "Rows that an import refused": 7,
        "Imports that failed": 1,
    }


def test_nothing_wrong_is_said_too(client, admin):
    assert "Nothing is wrong." in said(client)


def test_what_was_done_today_is_told_by_verdict(client, admin):
    for verdict in ("accept", "accept", "reject"):
        decisions.decide(pair_id=factories.make_pair(0.8).pk, verdict=verdict, user=admin)
    factories.make_pair(0.95)
    assert figures.count(now=timezone.now() + timedelta(minutes=1))
    assert {line.label: line.amount.number for line in desk.see().today} == {
        "Same": 2,
        "Different": 1,
        "Accepted by policies": 1,
        "People at work": 1,
    }


def test_every_line_leads_somewhere(client, admin):
    factories.make_pair(0.8)
    factories.make_set(factories.make_sku(), [factories.make_sku()])
    seen = desk.see()
    hrefs = {line.href for line in (*seen.waiting, *seen.running, *seen.wrong)} | {step.href for step in seen.way}
    for href in hrefs:
        assert opened(client, href).status_code == 200


def test_the_queries_are_few_and_do_not_grow(client, admin, django_assert_max_num_queries):
    for _ in range(5):
        factories.make_pair(0.8)
        factories.make_set(factories.make_sku(), [factories.make_sku()])
    scoring_workers.report(name="gpu", pairs_per_second=0.1)
    with django_assert_max_num_queries(11):
        client.get(reverse("home"))


def test_amounts_are_counted_up_to_a_bound(client, admin, monkeypatch):
    monkeypatch.setattr(desk, "COUNTED", 2)
    for _ in range(4):
        factories.make_set(factories.make_sku(), [factories.make_sku()])
    assert desk.see().running[0].amount == desk.Amount(2, more=True)
    assert "Sets to score 2+" in said(client)
