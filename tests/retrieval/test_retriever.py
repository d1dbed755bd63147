"""Candidates: never the row itself, best first, and never an error whatever the text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.retrieval import Catalogue, Retriever, retriever
from workers.retrieval.bm25 import BM25
from workers.retrieval.encoder import Encoder
from workers.retrieval.restriction import Restriction

ROOT = Path(__file__).resolve().parents[2]
texts = st.lists(
    st.text(st.characters(exclude_categories=()), max_size=30)
    | st.sampled_from(["", "kettle", "red kettle 1.7l", "耳机", "\ud800", "<unk>"]),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(listings=texts, k=st.integers(1, 10))
def test_any_texts_give_others_best_first(encoder: Encoder, listings: list[str], k: int) -> None:
    rows = range(len(listings))
    answers = list(Retriever(Catalogue.of(listings), encoder=encoder).candidates(rows, k))
    assert [row for row, _found in answers] == list(rows)
    for row, found in answers:
        others = [other for other, _score in found]
        scores = [score for _other, score in found]
        assert row not in others
        assert len(set(others)) == len(others) <= k
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score <= 1 for score in scores)


def test_a_translation_without_a_shared_word_is_found(encoder: Encoder) -> None:
    listings = ["red kettle", "lampe rouge", "bouilloire rouge", "lamp"]
    ((_row, found),) = Retriever(Catalogue.of(listings), encoder=encoder).candidates([0], 3)
    assert found[0][0] == 2


def test_a_model_code_without_a_known_meaning_is_found(encoder: Encoder) -> None:
    listings = ["WH-1000XM4", "lamp", "casque wh1000xm4", "kettle"]
    ((_row, found),) = Retriever(Catalogue.of(listings), encoder=encoder).candidates([0], 3)
    assert [other for other, _score in found] == [2]


def test_first_in_both_rankings_scores_one(encoder: Encoder) -> None:
    ((_row, found),) = Retriever(Catalogue.of(["red kettle", "red kettle", "lamp"]), encoder=encoder).candidates([0], 3)
    assert found[0] == (1, pytest.approx(1.0))


def test_nothing_under_the_minimum_is_proposed(encoder: Encoder) -> None:
    listings = ["red kettle", "red kettle", "red", "rouge"]
    engine = Retriever(Catalogue.of(listings), encoder=encoder)
    ((_row, every),) = engine.candidates([0], 3)
    ((_same, some),) = engine.candidates([0], 3, minimum=0.9)
    assert some == [(other, score) for other, score in every if score >= 0.9]
    assert len(some) < len(every)


def test_listings_without_words_are_no_candidates_of_each_other(encoder: Encoder) -> None:
    assert list(Retriever(Catalogue.of(["", " ", "!?", "kettle"]), encoder=encoder).candidates([0, 1, 2, 3], 3)) == [
        (row, []) for row in range(4)
    ]


def test_chunks_give_what_one_pass_gives(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    listings = [f"{colour} {thing} {number}" for colour in ("red", "rouge", "x") for thing in ("kettle", "lamp") for number in range(4)]
    engine = Retriever(Catalogue.of(listings), encoder=encoder)
    whole = list(engine.candidates(range(len(listings)), 5))
    monkeypatch.setattr(retriever, "SIMILARITIES_AT_ONCE", 5 * len(listings))
    assert list(engine.candidates(range(len(listings)), 5)) == whole


def test_the_answer_streams(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retriever, "ROWS_AT_ONCE", 1)
    asked: list[int] = []
    original = BM25.top

    def top(index: BM25, rows: list[int], k: int, mask: object) -> object:
        asked.extend(rows)
        return original(index, rows, k, mask)

    monkeypatch.setattr(BM25, "top", top)
    answers = Retriever(Catalogue.of(["kettle"] * 5), encoder=encoder).candidates(range(5), 2)
    next(answers)
    assert asked == [0]


def test_bm25_says_that_a_text_without_words_matches_nothing() -> None:
    _found, scores = BM25(Catalogue.of(["kettle", "", "kettle"])).top([1, 0], 2)
    assert not np.any(scores[0])
    assert np.all(scores[1] > 0)


def test_importing_it_loads_neither_torch_nor_django() -> None:
    code = "import sys, workers.retrieval; assert not {'torch', 'transformers', 'django'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


same_or_not = st.sampled_from(["", "a", "b"])


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(same_or_not, same_or_not, same_or_not), min_size=1, max_size=8))
def test_a_restriction_lets_through_what_fits_and_nothing_else(encoder: Encoder, rows: list[tuple[str, str, str]]) -> None:
    restriction = Restriction(*([row[i] for row in rows] for i in range(3)))
    found = Retriever(Catalogue.of(["red kettle"] * len(rows)), encoder=encoder, restriction=restriction).candidates(range(len(rows)), 8)
    for row, others in found:
        fitting = {
            other
            for other, (source, language, category) in enumerate(rows)
            if other != row
            and (not rows[row][0] or source != rows[row][0])
            and (not rows[row][1] or language != rows[row][1])
            and (not rows[row][2] or category in ("", rows[row][2]))
        }
        assert {other for other, _score in others} == fitting
