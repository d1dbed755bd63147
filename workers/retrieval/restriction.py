"""Which listings may be candidates of which: of another source, of another language, of the same part of the category tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Restriction:
    """For each listing its source, language and category ("" where nothing is known, or nothing is asked: then all fit)."""

    sources: Sequence[str]
    languages: Sequence[str]
    categories: Sequence[str]

    @classmethod
    def none(cls, number: int) -> Restriction:
        nothing = [""] * number
        return cls(nothing, nothing, nothing)

    def groups(self, rows: Sequence[int]) -> Iterator[tuple[Mask | None, list[int]]]:
        """`rows` by what they may be compared with: a mask over all listings, None for no restriction, and the rows it holds for."""
        members: dict[Key, list[int]] = defaultdict(list)
        for row in rows:
            members[self.sources[row], self.languages[row], self.categories[row]].append(row)
        sources, languages, categories = (np.asarray(values, dtype=object) for values in (self.sources, self.languages, self.categories))
        for (source, language, category), its in members.items():
            if not (source or language or category):
                yield None, its
                continue
            mask = np.ones(len(sources), dtype=np.bool_)
            if source:
                mask &= sources != source
            if language:
                mask &= languages != language
            if category:
                mask &= (categories == category) | (categories == "")
            yield mask, its
