"""What was written down by workers, or by people with another language, is told in the language of whoever reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation

from alignment import candidate_runs, decisions, exports, policies, runs, scoring, told
from alignment.models import CandidateRun, CandidateSet, Category, EvaluationRun, ExportRun, Note, ScoringRun
from tests import factories
from workers import building, evaluating
from workers.evaluation import labelled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chinese(client: Client) -> Client:
    client.force_login(factories.make_admin("lin"))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "zh-hans"
    return client


def test_a_runs_error_and_its_line_in_the_log(chinese: Client) -> None:
    run = candidate_runs.start(CandidateRun(k=3))
    building.work(run.pk)
    assert CandidateRun.objects.get().error == told.TOO_FEW
    assert chinese.get(f"/runs/{run.uuid}/").content.decode().count("在售商品不足两个") == 2
    assert "在售商品不足两个" in chinese.get("/runs/").content.decode()


def test_what_is_wrong_with_a_labelled_file(chinese: Client) -> None:
    chinese.post("/evaluations/", {"file": SimpleUploadedFile("集.jsonl", b'{"query": "x", "candidates": []}')})
    run = EvaluationRun.objects.get()
    evaluating.evaluate(run.pk)
    page = chinese.get(f"/evaluations/{run.uuid}/").content.decode()
    assert "集.jsonl 第 1 行：&quot;candidates&quot; 必须是" in page and "must be" not in page


def test_the_error_of_a_failed_set_by_which_it_is_still_retried(chinese: Client) -> None:
    one = factories.make_set(factories.make_sku(), [factories.make_sku()])
    CandidateSet.objects.filter(pk=one.pk).update(status="parked", error=told.SET_LOST)
    assert "进程已终止或失去响应" in chinese.get("/scoring/").content.decode()
    chinese.post("/scoring/retry/", {"error": told.SET_LOST})
    one.refresh_from_db()
    assert one.status == "pending"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b""),
        ("a.jsonl", b"[1]"),
        ("a.jsonl", b"\xff\xfe"),
        ("a.jsonl", b"{"),
        ("a.jsonl", b'{"query": 1, "candidates": [{"text": "x", "label": 1}]}'),
        ("a.jsonl", b'{"query": "x", "candidates": 3}'),
        ("a.csv", b"left_text,right_text,label\nx,y,perhaps\n"),
    ],
)
def test_whatever_is_wrong_with_a_labelled_file_is_told_in_chinese(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(labelled.LabelError) as refused:
        labelled.read(path)
    with translation.override("zh-hans"):
        assert told.tell(str(refused.value)) != str(refused.value)


def test_a_librarys_own_words_stay_as_they_are() -> None:
    assert told.tell("RuntimeError: CUDA out of memory") == "RuntimeError: CUDA out of memory"


@pytest.mark.parametrize("message", told.STORED)
def test_every_message_is_known_again_with_what_it_was_filled_with(message: str) -> None:
    names = ("fault", "number", "error", "file", "line", "reason", "name", "label", "path")
    text = message % dict.fromkeys(names, "(a) 1.5%")
    assert told.tell(text) == text


def acts(client: Client) -> list[tuple[str, str]]:
    rows = client.get("/audit/?sort=-when").context["list"].rows
    return [(str(getattr(cells[3].value, "text", cells[3].value)), cells[3].link) for _row, cells in rows]


def test_what_an_act_in_the_audit_was_about(chinese: Client) -> None:
    admin = factories.make_admin("ada")
    run = candidate_runs.start(CandidateRun(k=7, author=admin), by=admin)
    runs.cancel(run, by=admin)
    export = exports.start(ExportRun(format="csv"), by=admin)
    pair = factories.make_pair(0.8)
    decision = decisions.decide(pair_id=pair.pk, verdict="accept", user=admin, note="a name")
    decisions.forget_note(note=Note.objects.get(), user=admin)
    root = Category.objects.get(path="")
    policies.publish(category=root, instruction="The same?", accept_at=0.9, review_at=0.6, author=admin)
    CandidateSet.objects.update(status="parked")
    scoring.retry(sets=CandidateSet.objects.all(), user=admin)
    again = ScoringRun.objects.get()
    found = acts(chinese)
    assert ("候选商品：全部商品", f"/runs/{run.uuid}/") in found
    assert ("导出：CSV · 所有商品组", f"/runs/{export.uuid}/") in found
    assert ("1 个候选集", f"/runs/{again.uuid}/") in found
    assert any(text.startswith("全部类目") for text, _link in found)
    assert any(text.startswith("判定 ") for text, _link in found)
    assert not any("candidates each" in text for text, _link in found) and decision
