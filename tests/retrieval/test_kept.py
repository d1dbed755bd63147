"""What a folder keeps of an index: nothing unchanged is encoded again, and what is taken from there answers as what is built anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workers.retrieval import Catalogue, Retriever, bm25, nearest
from workers.retrieval.dense import StaticEmbeddings
from workers.retrieval.nearest import Nearest

COLOURS, THINGS = ("red", "rouge"), ("kettle", "bouilloire", "lamp", "lampe")


class Counting:
    """Remembers what it encoded."""

    def __init__(self, encoder: StaticEmbeddings, identity: str = "one") -> None:
        self.encoder, self.identity = encoder, identity
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.encoded += texts
        return self.encoder.encode(texts)


def catalogue(listings: dict[int, str]) -> Catalogue:
    ids = sorted(listings)
    return Catalogue(np.array(ids, dtype=np.int64), [f"hash of {listings[one]}" for one in ids], [listings[one] for one in ids])


listings = st.dictionaries(
    st.integers(0, 30), st.builds(lambda a, b, n: f"{a} {b} {n}", st.sampled_from(COLOURS), st.sampled_from(THINGS), st.integers(0, 3))
)


@settings(max_examples=30, deadline=None)
@given(history=st.lists(listings, min_size=2, max_size=4))
def test_an_index_that_was_changed_answers_as_one_built_anew(
    encoder: StaticEmbeddings, tmp_path_factory: pytest.TempPathFactory, history: list[dict[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    for state in history:
        rows = range(len(state))
        kept = Retriever(catalogue(state), encoder=encoder, folder=folder).candidates(rows, 5)
        assert list(kept) == list(Retriever(catalogue(state), encoder=encoder).candidates(rows, 5))


def test_only_what_is_new_or_changed_is_encoded(encoder: StaticEmbeddings, tmp_path: Path) -> None:
    Nearest(catalogue({1: "red", 2: "kettle", 3: "lamp"}), Counting(encoder), folder=tmp_path)
    again = Counting(encoder)
    found = Nearest(catalogue({1: "red", 3: "rouge", 7: "lampe"}), again, folder=tmp_path)
    assert again.encoded == ["rouge", "lampe"]
    assert found.vectors == pytest.approx(encoder.encode(["red", "rouge", "lampe"]))


def test_another_encoder_encodes_everything(encoder: StaticEmbeddings, tmp_path: Path) -> None:
    Nearest(catalogue({1: "red"}), Counting(encoder), folder=tmp_path)
    other = Counting(encoder, identity="two")
    Nearest(catalogue({1: "red"}), other, folder=tmp_path)
    assert other.encoded == ["red"]


def test_words_are_indexed_again_only_when_a_text_changed(
    encoder: StaticEmbeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bm25.BM25(catalogue({1: "red", 2: "kettle"}), folder=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(bm25, "_built", lambda texts: pytest.fail("was built again"))
        found, scores = bm25.BM25(catalogue({1: "red", 2: "kettle"}), folder=tmp_path).top([1], 1)
    assert found.tolist() == [[1]] and scores[0][0] > 0
    assert bm25.BM25(catalogue({1: "red", 2: "lamp"}), folder=tmp_path).top([1], 1)[0].tolist() == [[1]]


def test_a_process_killed_while_it_saved_leaves_what_was_kept_before(
    encoder: StaticEmbeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Nearest(catalogue({1: "red", 2: "kettle"}), Counting(encoder), folder=tmp_path)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(nearest.json, "dumps", _killed)
        Nearest(catalogue({1: "red", 2: "lamp"}), Counting(encoder), folder=tmp_path)
    after = Counting(encoder)
    Nearest(catalogue({1: "red", 2: "kettle"}), after, folder=tmp_path)
    assert after.encoded == []


def _killed(_state: object) -> str:
    raise KeyboardInterrupt


class Cloud:
    """Random vectors; a text is its number."""

    identity = "cloud"

    def __init__(self) -> None:
        drawn = np.random.default_rng(0).normal(size=(3000, 16)).astype(np.float32)
        self.vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.vectors[[int(text) for text in texts]]


def test_inverted_lists_follow_what_comes_and_goes_and_hold_to_a_mask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "EXACT_UP_TO", 500)
    monkeypatch.setattr(nearest, "LISTS_EACH_READ", 1)
    cloud = Cloud()
    for numbers in (range(2000), range(500, 2600), range(700, 3000, 2)):
        state = {number * 3: str(number) for number in numbers}
        found = Nearest(catalogue(state), cloud, folder=tmp_path)
        vectors = cloud.vectors[list(numbers)]
        queries = [0, len(state) // 2, len(state) - 1]
        for mask in (None, np.arange(len(state)) % 3 == 0):
            places, similar = found.top(queries, 7, mask)
            right, exactly = nearest.exact(vectors, vectors[queries], 7, mask)
            assert places.tolist() == right.tolist()
            assert similar == pytest.approx(exactly, abs=1e-5)
