"""What is compared: each system scores every candidate of every set, higher for likelier the same product."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import bm25s
import numpy as np

from texts.tokens import tokens
from workers.evaluation.labelled import LabelledSet
from workers.reranker.contract import Engine
from workers.retrieval.encoder import Encoder
from workers.retrieval.fusion import fuse


@dataclass(frozen=True)
class Run:
    """One system's scores for every set, in the order given, and the seconds that each set took."""

    scores: list[list[float]]
    seconds: list[float]


def bm25(sets: Sequence[LabelledSet]) -> Run:
    """Document frequencies over all candidates of the file."""
    index = bm25s.BM25()
    index.index([tokens(text) or [""] for one in sets for text in one.texts], show_progress=False)
    scores: list[list[float]] = []
    seconds: list[float] = []
    start = 0
    for one in sets:
        begun = time.perf_counter()
        known = [token for token in tokens(one.query) if token in index.vocab_dict]
        row = index.get_scores(known)[start : start + len(one.texts)] if known else np.zeros(len(one.texts))
        scores.append([float(value) for value in row])
        seconds.append(time.perf_counter() - begun)
        start += len(one.texts)
    return Run(scores, seconds)


def trigrams(sets: Sequence[LabelledSet]) -> Run:
    """Jaccard similarity of character trigrams: what costs nothing."""
    scores, seconds = [], []
    for one in sets:
        begun = time.perf_counter()
        query = _trigrams(one.query)
        scores.append([len(query & other) / len(query | other) for other in map(_trigrams, one.texts)])
        seconds.append(time.perf_counter() - begun)
    return Run(scores, seconds)


def _trigrams(text: str) -> set[str]:
    padded = f"  {' '.join(text.lower().split())} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def dense(sets: Sequence[LabelledSet], encoder: Encoder) -> Run:
    """Cosine of the vectors."""
    scores, seconds = [], []
    for one in sets:
        begun = time.perf_counter()
        query, *others = encoder.encode([one.query, *one.texts])
        scores.append([float(query @ other) for other in others])
        seconds.append(time.perf_counter() - begun)
    return Run(scores, seconds)


def fusion(lexical: Run, semantic: Run) -> Run:
    """Reciprocal rank fusion of two rankings, as the first stage does it."""
    scores = []
    for words, meaning in zip(lexical.scores, semantic.scores, strict=True):
        orders = [sorted(range(len(values)), key=lambda i: -values[i]) for values in (words, meaning)]  # noqa: B023
        fused = dict(fuse([[i for i in orders[0] if words[i] > 0], orders[1]]))
        scores.append([fused.get(i, 0.0) for i in range(len(words))])
    return Run(scores, [a + b for a, b in zip(lexical.seconds, semantic.seconds, strict=True)])


def reranker(sets: Sequence[LabelledSet], engine: Engine, instructions: Sequence[str]) -> Run:
    """The model alone, one set at a time; scores are probabilities."""
    scores, seconds = [], []
    for one, instruction in zip(sets, instructions, strict=True):
        begun = time.perf_counter()
        scores.append([score.probability for score in engine.score(instruction, one.query, one.texts)])
        seconds.append(time.perf_counter() - begun)
    return Run(scores, seconds)
