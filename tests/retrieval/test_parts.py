"""Tokens, static embeddings and fusion, each alone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from texts.tokens import tokens
from workers.retrieval import nearest
from workers.retrieval.dense import StaticEmbeddings
from workers.retrieval.fusion import K, fuse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kettle 1.7L", {"kettle", "1.7", "l", "1.7l"}),
        ("1,7 L", {"1.7", "l", "1.7l"}),
        ("耳机", {"耳", "机", "耳机"}),
        ("１２８ＧＢ", {"128", "gb", "128gb"}),
        ("WH-1000XM4", {"wh", "1000", "xm", "4", "wh1000xm4"}),
        ("不锈钢1.7升", {"不", "锈", "钢", "不锈", "锈钢", "1.7", "升"}),
        ("", set()),
        ("!? _", set()),
    ],
)
def test_tokens(text: str, expected: set[str]) -> None:
    assert set(tokens(text)) == expected


@pytest.mark.parametrize("text", ["1" * 50_000, "1," * 50_000, "x" * 50_000 + "1", "-/" * 50_000, "a1-" * 30_000, "1" + " " * 50_000])
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    tokens(text)
    assert time.process_time() - started < 1


def test_a_vector_is_the_weighted_sum_of_its_tokens_and_has_length_one(embeddings: Path) -> None:
    vector = StaticEmbeddings.load(embeddings).encode(["red kettle"])[0]
    expected = np.array([1, 0, np.exp(-1), 0]) / np.sqrt(1 + np.exp(-2))
    assert vector == pytest.approx(expected, abs=1e-6)


def test_a_text_of_unknown_or_no_tokens_is_the_zero_vector(embeddings: Path) -> None:
    vectors = StaticEmbeddings.load(embeddings).encode(["", "zzz", "\ud800"])
    assert vectors.dtype == np.float32
    assert not vectors.any()


def test_user_text_makes_no_special_token(embeddings: Path) -> None:
    assert StaticEmbeddings.load(embeddings).tokenizer.encode("<unk>").tokens != ["<unk>"]


def test_the_nearest_are_exact_and_in_order() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found, scores = nearest.exact(vectors, vectors[[3, 7]], 10)
    for i, row in enumerate([3, 7]):
        similar = vectors @ vectors[row]
        assert found[i].tolist() == np.argsort(-similar)[:10].tolist()
        assert scores[i] == pytest.approx(np.sort(similar)[::-1][:10], abs=1e-6)


def test_fusion_adds_reciprocal_ranks_and_breaks_ties_by_the_smaller_item() -> None:
    assert fuse([[5, 2], [2, 9]]) == [
        (2, pytest.approx(1 / (K + 2) + 1 / (K + 1))),
        (5, pytest.approx(1 / (K + 1))),
        (9, pytest.approx(1 / (K + 2))),
    ]
    assert [item for item, _score in fuse([[8], [3]])] == [3, 8]
    assert fuse([[], []]) == []
