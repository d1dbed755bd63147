"""manage.py evaluate, as a model owner runs it: with the demo model, on files of both shapes, and on groups."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
import torch
from django.core.management import CommandError, call_command
from transformers import XLMRobertaConfig, XLMRobertaModel

from tests import factories
from tests.reranker.conftest import save_tokenizer
from workers.retrieval import encoder

pytestmark = pytest.mark.django_db
SET = {
    "query": "不锈钢电热水壶 1.7升",
    "query_lang": "zh",
    "category": "Kitchen",
    "candidates": [{"text": "Yoga mat", "lang": "en", "label": 0}, {"text": "Electric kettle 1.7 L", "lang": "en", "label": 1}],
}


def evaluate(*arguments: object) -> str:
    out = StringIO()
    call_command("evaluate", *map(str, arguments), stdout=out)
    return out.getvalue()


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    path = tmp_path / "sets.jsonl"
    path.write_text((json.dumps(SET, ensure_ascii=False) + "\n") * 3, encoding="utf-8")
    return path


@pytest.fixture
def random_bge(tmp_path: Path) -> Path:
    """A folder with random weights of BGE-M3's architecture, pooled as its config says."""
    folder = tmp_path / "bge"
    torch.manual_seed(0)
    config = XLMRobertaConfig(vocab_size=600, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    XLMRobertaModel(config).save_pretrained(folder)
    save_tokenizer(folder)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    return folder


def test_every_system_has_its_row_with_intervals_and_the_demo_model_says_so(sets: Path, tmp_path: Path) -> None:
    out = evaluate(sets, "--json", tmp_path / "out" / "report.json")
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert list(report["systems"]) == ["trigrams", "bm25", "dense", "fusion", "reranker"]
    for name, system in report["systems"].items():
        assert name in out
        assert 0 <= system["top1"]["low"] <= system["top1"]["mean"] <= system["top1"]["high"] <= 1
        assert system["by_languages"]["zh → en"]["sets"] == 3 and system["by_category"]["Kitchen"]["sets"] == 3
    assert set(report["systems"]["reranker"]["routes"]) == {"accept", "review", "discard"}
    assert report["model"]["demo"] and "demo model" in out


def test_chosen_systems_alone_run(sets: Path) -> None:
    out = evaluate(sets, "--systems", "bm25,fusion")
    assert "fusion" in out and "dense" not in out and "reranker" not in out


def test_pairs_from_csv_have_no_ranking_but_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("left_text,right_text,label\nKettle 1.7 L,Bouilloire 1.7 L,1\nKettle,Yoga mat,0\n", encoding="utf-8")
    out = evaluate(path)
    assert "2 pairs, 1 of them" in out and "at 0.9 and more" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no row"),
        ("{", "line 1: is not JSON"),
        ("[]", "must be an object"),
        ('{"query": "x", "candidates": []}', "candidates"),
        ('{"query": "x", "candidates": [{"text": "y", "label": 2}]}', "label"),
        ('{"left_text": "x", "label": 1}', "right_text"),
    ],
)
def test_a_file_that_cannot_be_used_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=message):
        evaluate(path)


def test_an_unknown_system_is_refused(sets: Path) -> None:
    with pytest.raises(CommandError, match="bm52"):
        evaluate(sets, "--systems", "bm52")


def test_an_encoder_of_bge_m3s_architecture_runs_by_the_same_command(sets: Path, random_bge: Path) -> None:
    assert "dense" in evaluate(sets, "--systems", "dense", "--dense", random_bge)


def test_an_encoder_gives_a_text_the_same_vector_in_any_company(random_bge: Path) -> None:
    loaded = encoder.load(str(random_bge), device="cpu")
    texts = ["kettle", "不锈钢电热水壶 1.7 L" * 20, "", "Bouilloire"]
    together = loaded.encode(texts)
    for text, vector in zip(texts, together, strict=True):
        assert loaded.encode([text])[0] == pytest.approx(vector, abs=1e-5)
        assert float(vector @ vector) == pytest.approx(1 if text else 0, abs=1e-5)


def test_a_missing_encoder_says_so(sets: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be loaded"):
        evaluate(sets, "--systems", "dense", "--dense", tmp_path / "nothing")


def test_groups_are_compared_with_their_truth(tmp_path: Path) -> None:
    pair = factories.make_pair(0.95)
    lone = factories.make_sku()
    rows = [(sku.source.name, sku.external_id, product) for sku, product in ((pair.left, "a"), (pair.right, "a"), (lone, "b"))]
    path = tmp_path / "truth.csv"
    path.write_text("source,external_id,product\n" + "\n".join(",".join(row) for row in rows), encoding="utf-8")
    assert evaluate(path, "--groups").count("100.0%") == 6
