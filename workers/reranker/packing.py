"""Which pairs share a batch: sets cut into pieces, pieces sorted by length, batches under a token budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workers.reranker.prompt import EncodedSet


@dataclass(frozen=True)
class Item:
    """One pair: whose it is, and how many tokens its row has."""

    set: int
    document: int
    length: int


def batches(sets: Sequence[EncodedSet], token_budget: int) -> Iterator[list[Item]]:
    """Pairs of all sets, longest first, in batches whose padded size stays within the budget (one pair at least)."""
    items = [
        Item(s, d, len(encoded.shared) + len(document)) for s, encoded in enumerate(sets) for d, document in enumerate(encoded.documents)
    ]
    items.sort(key=lambda item: (-item.length, item.set, item.document))
    start = 0
    while start < len(items):
        size = max(1, token_budget // items[start].length)
        yield items[start : start + size]
        start += size
