"""Evaluations from the browser: upload, progress, the report, cancelling, and what a wrong file is told."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from alignment import evaluations, rerank, runs, wake_ups
from alignment.models import EvaluationRun
from tests.factories import make_admin, make_model, make_reviewer
from workers import evaluating, tasks

pytestmark = pytest.mark.django_db(transaction=True)
SET = {
    "query": "Kettle 1.7 L",
    "query_lang": "en",
    "candidates": [{"text": "<i>水壶</i> 1.7升", "lang": "zh", "label": 1}, {"text": "Yoga mat", "lang": "zh", "label": 0}],
}


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(make_admin())
    return client


@pytest.fixture
def scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that answers as soon as it is woken: the right one surely, the other not."""
    model = make_model()

    def woken(*args: object, **kwargs: object) -> None:
        if asked := rerank.claim(holder="w"):
            answers = [rerank.Answer(0.0, 0.95 if "水壶" in text else 0.1, 5, 0) for text in asked.documents]
            rerank.answer(asked, holder="w", model=model, answers=answers)

    monkeypatch.setattr(wake_ups.app, "send_task", woken)


def uploaded(client: Client, text: str, name: str = "sets.jsonl") -> EvaluationRun:
    answer = client.post("/evaluations/", {"file": SimpleUploadedFile(name, text.encode())})
    assert answer.status_code == 302
    return EvaluationRun.objects.latest("pk")


def sets(number: int) -> str:
    return (json.dumps(SET, ensure_ascii=False) + "\n") * number


def test_an_upload_becomes_a_report_that_can_be_compared_and_downloaded(client: Client, scorer: None) -> None:
    run = uploaded(client, sets(6))
    assert "Waits for a worker" in client.get(f"/evaluations/{run.uuid}/").content.decode()
    assert "Evaluated a file" in client.get("/audit/").content.decode()
    evaluating.evaluate(run.pk)
    run.refresh_from_db()
    assert (run.status, run.sets_done, run.error) == ("done", 6, "")
    page = client.get(f"/evaluations/{run.uuid}/").content.decode()
    for text in ("100.0 %", "en → zh", "<polyline", "There is none."):
        assert text in page
    assert "sets.jsonl" in client.get("/evaluations/").content.decode()
    report = client.get(f"/evaluations/{run.uuid}/report.json").json()
    assert set(report["systems"]) == {"trigrams", "bm25", "dense", "fusion", "reranker"}


def test_pairs_without_a_match_are_shown_without_a_ranking(client: Client, scorer: None) -> None:
    run = uploaded(client, "left_text,right_text,label\nKettle,Yoga mat,0\n<b>x</b>,<i>水壶</i>,0\n", "pairs.csv")
    evaluating.evaluate(run.pk)
    page = client.get(f"/evaluations/{run.uuid}/").content.decode()
    assert "First is right" not in page
    assert "&lt;i&gt;水壶&lt;/i&gt;" in page, "the worst mistake, escaped"


def test_a_wrong_file_is_told_its_line_under_its_own_name(client: Client) -> None:
    run = uploaded(client, "{}\n", "mine.jsonl")
    evaluating.evaluate(run.pk)
    assert "mine.jsonl, line 1" in client.get(f"/evaluations/{run.uuid}/").content.decode()


def test_a_cancelled_run_stays_cancelled(client: Client) -> None:
    run = uploaded(client, sets(1))
    client.post(f"/evaluations/{run.uuid}/cancel/")
    evaluating.evaluate(run.pk)
    assert "was cancelled" in client.get(f"/evaluations/{run.uuid}/").content.decode()


def test_a_run_is_one_workers_until_that_is_silent(client: Client) -> None:
    run = uploaded(client, sets(1))
    assert runs.take(EvaluationRun, run.pk) is not None
    assert runs.take(EvaluationRun, run.pk) is None
    EvaluationRun.objects.update(seen_at=timezone.now() - timedelta(minutes=10))
    assert runs.take(EvaluationRun, run.pk) is not None


def test_reviewers_have_no_evaluations(client: Client) -> None:
    client.force_login(make_reviewer())
    assert client.get("/evaluations/").status_code == 403


def ended(client: Client, days: int) -> EvaluationRun:
    run = uploaded(client, sets(2))
    evaluating.evaluate(run.pk)
    EvaluationRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(days=days))
    run.refresh_from_db()
    return run


def test_a_labelled_file_goes_a_month_after_its_evaluation_ended_and_the_report_stays(client: Client, scorer: None) -> None:
    old, recent = ended(client, days=31), ended(client, days=29)
    path = Path(old.stored_path)
    goes = timezone.localdate() + timedelta(days=1)
    assert f"is kept until {goes:%Y-%m-%d}" in client.get(f"/evaluations/{recent.uuid}/").content.decode()
    tasks.sweep()
    assert not path.exists() and Path(recent.stored_path).exists()
    page = client.get(f"/evaluations/{old.uuid}/").content.decode()
    assert "The labelled file is deleted" in page and "Download the whole report" in page and "its time was over" in page


@pytest.mark.parametrize("status", ["waiting", "running"])
def test_an_evaluation_that_can_go_on_keeps_its_file_however_old(client: Client, status: str) -> None:
    run = uploaded(client, sets(2))
    long_ago = timezone.now() - timedelta(days=400)
    EvaluationRun.objects.filter(pk=run.pk).update(status=status, created_at=long_ago, seen_at=long_ago)
    evaluations.sweep()
    assert Path(run.stored_path).exists()


def test_an_evaluation_whose_file_is_gone_offers_no_new_start_and_says_why_when_it_gets_one(client: Client) -> None:
    run = uploaded(client, sets(2))
    client.post(f"/evaluations/{run.uuid}/cancel/")
    EvaluationRun.objects.update(finished_at=timezone.now() - timedelta(days=31))
    evaluations.sweep()
    assert "/retry/" not in client.get(f"/evaluations/{run.uuid}/").content.decode()
    client.post(f"/runs/{run.uuid}/retry/")
    run.refresh_from_db()
    assert run.status == EvaluationRun.Status.CANCELLED
    # One that was started again at the moment when its file went.
    runs.retry(run, by=make_admin("ada"))
    evaluating.evaluate(run.pk)
    assert "Its file was deleted" in client.get(f"/evaluations/{run.uuid}/").content.decode()
