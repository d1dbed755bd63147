"""Which pairs share a row: sets laid one behind the other, each prefix once, rows filled to a token budget.

A row has no padding. Attention goes by segments: a prefix sees itself, a document sees its prefix and itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from workers.reranker.prompt import EncodedSet

# Segments that are attended to together are padded to the longest of them: at most by a quarter, or by this many tokens.
NEAR, SLACK = 1.25, 8


@dataclass(frozen=True)
class Piece:
    """A set, or a part of one, in a row: its prefix and these of its documents."""

    set: int
    documents: tuple[int, ...]


def rows(sets: Sequence[EncodedSet], token_budget: int) -> Iterator[list[Piece]]:
    """Every document of every set once. A row holds at most `token_budget` tokens, but one pair at least.

    A set is split only when a row of its own is too short for it; each part brings the prefix again.
    """
    row: list[Piece] = []
    used = 0
    for index, encoded in enumerate(sets):
        whole = len(encoded.shared) + sum(map(len, encoded.documents))
        if row and used + whole > token_budget:
            yield row
            row, used = [], 0
        part: list[int] = []
        for i, document in enumerate(encoded.documents):
            cost = len(document) + (0 if part else len(encoded.shared))
            if part and used + cost > token_budget:
                yield [*row, Piece(index, tuple(part))]
                row, used, part = [], 0, []
                cost = len(document) + len(encoded.shared)
            part.append(i)
            used += cost
        if part:
            row.append(Piece(index, tuple(part)))
    if row:
        yield row


def halved(row: Sequence[Piece]) -> tuple[list[Piece], list[Piece]] | None:
    """Two rows of one, between sets where it has several, else between documents; None for a single pair."""
    if len(row) > 1:
        return list(row[: len(row) // 2]), list(row[len(row) // 2 :])
    (piece,) = row
    middle = len(piece.documents) // 2
    return ([Piece(piece.set, piece.documents[:middle])], [Piece(piece.set, piece.documents[middle:])]) if middle else None


@dataclass(frozen=True)
class Layout:
    """One row as tensors. n is the number of its tokens, d of its documents.

    `ids`, `positions`: int64 [n]; each document's positions go on from its own prefix. Documents of a set lie by length, so that those of
    one length are one block. `ends`: int64 [d], where each document ends, in the order of the pieces' documents.
    `grids`: for segments of near lengths, the tokens they hold, int64 [segments, longest], padded with their last token, and which of these
    are not padding, bool [segments, longest]. `prefixes`: (start, end of the prefix, end of its documents) in tokens. `segments`:
    (start, end) of every prefix and document, in the row's order.
    """

    ids: Tensor
    positions: Tensor
    ends: Tensor
    grids: list[tuple[Tensor, Tensor]]
    prefixes: list[tuple[int, int, int]]
    segments: list[tuple[int, int]]

    def to(self, device: torch.device) -> Layout:
        return Layout(
            self.ids.to(device),
            self.positions.to(device),
            self.ends.to(device),
            [(tokens.to(device), inside.to(device)) for tokens, inside in self.grids],
            self.prefixes,
            self.segments,
        )


def layout(sets: Sequence[EncodedSet], row: Sequence[Piece]) -> Layout:
    ids: list[int] = []
    positions: list[Tensor] = []
    segments: list[tuple[int, int]] = []
    ends: list[int] = []
    prefixes: list[tuple[int, int, int]] = []
    for piece in row:
        shared = sets[piece.set].shared
        start = len(ids)
        ids += shared
        positions.append(torch.arange(len(shared)))
        segments.append((start, len(shared)))
        own = sets[piece.set].documents
        place: dict[int, int] = {}
        for i in sorted(piece.documents, key=lambda i: len(own[i])):
            segments.append((len(ids), len(own[i])))
            ids += own[i]
            positions.append(torch.arange(len(shared), len(shared) + len(own[i])))
            place[i] = len(ids) - 1
        ends += [place[i] for i in piece.documents]
        prefixes.append((start, start + len(shared), len(ids)))
    bounds = [(start, start + length) for start, length in segments]
    return Layout(torch.tensor(ids), torch.cat(positions), torch.tensor(ends), list(_grids(segments)), prefixes, bounds)


def _grids(segments: list[tuple[int, int]]) -> Iterator[tuple[Tensor, Tensor]]:
    segments.sort(key=lambda segment: segment[1])
    first = 0
    cuts = [0]
    for i, (_start, length) in enumerate(segments):
        if length > max(segments[first][1] * NEAR, segments[first][1] + SLACK):
            cuts.append(i)
            first = i
    for low, high in pairwise([*cuts, len(segments)]):
        starts, lengths = torch.tensor(segments[low:high]).T
        steps = torch.arange(int(lengths.max()))
        inside = steps < lengths[:, None]
        yield starts[:, None] + torch.minimum(steps, lengths[:, None] - 1), inside
