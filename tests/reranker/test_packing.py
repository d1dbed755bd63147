"""Rows: every document once, within the budget, and nothing about a row shows in a score."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.reranker import attention, reranker
from workers.reranker.attention import Blocks, Grids
from workers.reranker.forward import Decoder
from workers.reranker.packing import Layout, Piece, halved, layout, rows
from workers.reranker.prompt import EncodedSet
from workers.reranker.reranker import LEAST_TOKENS, Reranker

lengths = st.integers(1, 60)
encoded = st.builds(
    lambda shared, documents: EncodedSet([1] * shared, [[2] * n for n in documents], documents, [0] * len(documents)),
    lengths,
    st.lists(lengths, max_size=12),
)
SETS = [("One?", "kettle", ["a", "b c " * 30, "", "不锈钢"] * 4), ("Two?", "耳机", []), ("Three?", "x", ["long " * 200, "y"])]


def places(row: list[Piece]) -> list[tuple[int, int]]:
    return [(piece.set, document) for piece in row for document in piece.documents]


def tokens(sets: list[EncodedSet], row: list[Piece]) -> int:
    return sum(len(sets[piece.set].shared) + sum(len(sets[piece.set].documents[i]) for i in piece.documents) for piece in row)


@given(st.lists(encoded, max_size=6), st.integers(1, 300))
def test_every_document_once_in_order_and_rows_within_the_budget(sets: list[EncodedSet], budget: int) -> None:
    packed = list(rows(sets, budget))
    assert [place for row in packed for place in places(row)] == [(s, d) for s, one in enumerate(sets) for d in range(len(one.documents))]
    for row in packed:
        assert tokens(sets, row) <= budget or len(places(row)) == 1


@given(st.lists(encoded, max_size=6), st.integers(1, 300))
def test_a_set_that_fits_a_row_is_not_split(sets: list[EncodedSet], budget: int) -> None:
    packed = list(rows(sets, budget))
    for index, one in enumerate(sets):
        if one.documents and len(one.shared) + sum(map(len, one.documents)) <= budget:
            assert sum(piece.set == index for row in packed for piece in row) == 1


@given(st.lists(encoded, min_size=1, max_size=6), st.integers(1, 300))
def test_halves_hold_what_the_row_held(sets: list[EncodedSet], budget: int) -> None:
    for row in rows(sets, budget):
        halves = halved(row)
        if halves is None:
            assert len(places(row)) == 1
        else:
            assert all(halves)
            assert places(halves[0]) + places(halves[1]) == places(row)


@given(st.lists(encoded, min_size=1, max_size=6))
def test_grids_hold_every_token_once_and_positions_go_on_from_the_prefix(sets: list[EncodedSet]) -> None:
    for row in rows(sets, 10_000):
        made = layout(sets, row)
        seen = torch.cat([tokens[inside] for tokens, inside in made.grids])
        assert seen.sort().values.tolist() == list(range(len(made.ids)))
        assert made.positions[made.ends].tolist() == [
            len(sets[piece.set].shared) + len(sets[piece.set].documents[i]) - 1 for piece in row for i in piece.documents
        ]


@pytest.mark.parametrize("budget", [1, 100, 700])
def test_the_row_a_pair_is_in_does_not_change_its_score(checkpoint: Path, budget: int) -> None:
    loaded = Reranker.load(str(checkpoint), device="cpu", dtype="float32")
    whole = [[score.logit for score in one] for one in loaded.score_sets(SETS)]
    loaded._token_budget = budget
    for one, other in zip(whole, loaded.score_sets(SETS), strict=True):
        assert [score.logit for score in other] == pytest.approx(one, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(encoded, min_size=1, max_size=4), st.integers(20, 400), st.integers(1, 2**12))
def test_attention_by_plain_products_is_the_fused_one(sets: list[EncodedSet], budget: int, at_once: int) -> None:
    generator = torch.Generator().manual_seed(budget)
    for row in rows(sets, budget):
        made = layout(sets, row)
        query, key, value = (torch.randn(len(made.ids), heads, 16, generator=generator) for heads in (4, 2, 2))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(attention, "SCORES_AT_ONCE", at_once)
            plain = Grids()(query, key, value, made)
        assert torch.allclose(Blocks()(query, key, value, Blocks().plan(made)), plain, atol=1e-5)


def test_fused_scores_are_the_unfused_ones(checkpoint: Path) -> None:
    loaded = Reranker.load(str(checkpoint), device="cpu", dtype="float32")
    assert not loaded._decoder.fused
    plain = loaded.score("same?", "kettle", ["a", "b" * 50])
    loaded._decoder = Decoder(loaded._checkpoint.base)
    assert loaded._decoder.fused
    assert [s.logit for s in loaded.score("same?", "kettle", ["a", "b" * 50])] == pytest.approx([s.logit for s in plain], abs=1e-5)


def test_without_a_compiler_it_works_and_says_what_it_loses(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = Reranker.load(str(checkpoint), device="cpu", dtype="float32")
    monkeypatch.setenv("PATH", "")
    decoder = Decoder(loaded._checkpoint.base)
    assert not decoder.fused
    assert "slower. Install the package g++" in caplog.text


def test_a_row_that_memory_cannot_hold_is_halved_and_nothing_lost(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Reranker.load(str(checkpoint), device="cpu", dtype="float32")
    expected = [[score.logit for score in one] for one in loaded.score_sets(SETS)]
    whole = Decoder.ends

    def small(decoder: Decoder, row: Layout) -> torch.Tensor:
        if len(row.ends) > 3:
            raise torch.OutOfMemoryError("a small device")
        return whole(decoder, row)

    monkeypatch.setattr(Decoder, "ends", small)
    for one, other in zip(expected, loaded.score_sets(SETS), strict=True):
        assert [score.logit for score in other] == pytest.approx(one, abs=1e-5)
    assert LEAST_TOKENS <= loaded._token_budget < 4096


def test_sets_that_are_tokenised_in_parts_keep_their_order(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Reranker.load(str(checkpoint), device="cpu", dtype="float32")
    expected = [[score.logit for score in one] for one in loaded.score_sets(SETS)]
    monkeypatch.setattr(reranker, "TEXTS_AHEAD", 1)
    for one, other in zip(expected, loaded.score_sets(SETS), strict=True):
        assert [score.logit for score in other] == pytest.approx(one, abs=1e-5)
    assert loaded.score_sets([]) == []


def test_a_model_with_parts_that_qwen3_has_not_is_refused(checkpoint: Path) -> None:
    base = Reranker.load(str(checkpoint), device="cpu", dtype="float32")._checkpoint.base
    base.config.attention_bias = True
    with pytest.raises(ValueError, match="attention biases"):
        Decoder(base)
