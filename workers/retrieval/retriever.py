"""BM25 and an encoder's vectors over the same texts, fused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from workers.retrieval.bm25 import BM25
from workers.retrieval.encoder import Encoder
from workers.retrieval.fusion import K, fuse
from workers.retrieval.nearest import Catalogue, Nearest
from workers.retrieval.restriction import Mask, Restriction

ROWS_AT_ONCE = 256
# What bounds memory on large catalogues: the dense part holds a few arrays of rows x texts.
SIMILARITIES_AT_ONCE = 2**24
# A fused score is at most 2 / (K + 1): divided by it, a candidate that both rankings put first scores 1.
BEST = 2 / (K + 1)


class Retriever:
    """Candidates for listings among themselves."""

    def __init__(
        self, catalogue: Catalogue, *, encoder: Encoder, restriction: Restriction | None = None, folder: Path | None = None
    ) -> None:
        """With a folder, what was indexed before is taken from there, and only what changed since is indexed."""
        self.restriction = restriction or Restriction.none(len(catalogue.texts))
        self.nearest = Nearest(catalogue, encoder, folder=folder)
        self.bm25 = BM25(catalogue, folder=folder)

    def candidates(self, rows: Sequence[int], k: int, *, minimum: float = 0.0) -> Iterator[tuple[int, list[tuple[int, float]]]]:
        """For each row, up to k other rows with a fused score from 0 to 1, best first and never under `minimum`; never the row itself.

        Rows that the restriction treats alike come together.
        """
        depth = 2 * k + 1
        at_once = max(1, min(ROWS_AT_ONCE, SIMILARITIES_AT_ONCE // max(1, len(self.nearest.ids))))
        for mask, chunk in self._chunks(rows, at_once):
            lexical, scores = self.bm25.top(chunk, depth, mask)
            near, similar = self.nearest.top(chunk, depth, mask)
            for i, row in enumerate(chunk):
                words = [int(j) for j, score in zip(lexical[i], scores[i], strict=True) if score > 0 and j != row]
                meaning = [int(j) for j, score in zip(near[i], similar[i], strict=True) if score > 0 and j != row]
                fused = [(j, score / BEST) for j, score in fuse([words, meaning])[:k]]
                yield row, [(j, score) for j, score in fused if score >= minimum]

    def _chunks(self, rows: Sequence[int], at_once: int) -> Iterator[tuple[Mask | None, Sequence[int]]]:
        for mask, alike in self.restriction.groups(rows):
            for start in range(0, len(alike), at_once):
                yield mask, alike[start : start + at_once]
