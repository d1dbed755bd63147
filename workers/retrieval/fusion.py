"""Reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009)."""

from __future__ import annotations

from collections.abc import Sequence

# The paper's 60 lets an item that is deep in both rankings pass one that leads a single ranking. A listing in another language is in one
# only, and so is one that shares just a model code: 10 found more of both.
K = 10


def fuse(rankings: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """Merge rankings, each best first. An item's score is the sum of 1 / (K + rank); ties go to the smaller item."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, 1):
            scores[item] = scores.get(item, 0.0) + 1 / (K + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
