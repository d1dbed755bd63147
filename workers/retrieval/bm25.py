"""Lexical retrieval by BM25 (bm25s) over tokens of our own."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import bm25s
import numpy as np
from numpy.typing import NDArray

from workers.retrieval.tokens import tokens

logging.getLogger("bm25s").setLevel(logging.WARNING)


class BM25:
    """An index over texts. Queries are texts of the same kind."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._tokens = [tokens(text) for text in texts]
        self._index: bm25s.BM25 | None = None
        if any(self._tokens):
            self._index = bm25s.BM25()
            self._index.index(self._tokens, show_progress=False)

    def top(self, rows: Sequence[int], k: int, mask: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best k rows for each of `rows` as queries: indices and scores, both [len(rows), k], best first; a score of 0 is no match.

        Rows that `mask` [number of texts] leaves out match nothing.
        """
        k = min(k, len(self._tokens))
        found = np.zeros((len(rows), k), dtype=np.int64)
        scores = np.zeros((len(rows), k), dtype=np.float32)
        worded = [i for i, row in enumerate(rows) if self._tokens[row]]
        if self._index is not None and worded:
            queries = [self._tokens[rows[i]] for i in worded]
            found[worded], scores[worded] = self._index.retrieve(
                queries, k=k, show_progress=False, n_threads=0, weight_mask=None if mask is None else mask.astype(np.float32)
            )
        return found, scores
