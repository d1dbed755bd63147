"""What two listings state, side by side as a page shows it: conflicts first, then what is equal, then what only one of them says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.functional import Promise

from alignment import facts
from alignment.models import SKU


@dataclass(frozen=True)
class Row:
    name: Promise
    query: str
    candidate: str


@dataclass
class Differences:
    conflicts: list[Row] = field(default_factory=list)
    equal: list[Row] = field(default_factory=list)
    query_only: list[Row] = field(default_factory=list)
    candidate_only: list[Row] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.conflicts or self.equal or self.query_only or self.candidate_only)


def between(query: SKU, candidate: SKU, *, stated: Sequence[facts.Fact] | None = None) -> Differences:
    """`stated` are the query's facts where they are read already."""
    found = Differences()
    for one in facts.between(query, candidate, stated=stated):
        row = Row(facts.KINDS[one.kind], one.query, one.candidate)
        if one.agrees is None:
            (found.query_only if one.query else found.candidate_only).append(row)
        else:
            (found.equal if one.agrees else found.conflicts).append(row)
    return found
