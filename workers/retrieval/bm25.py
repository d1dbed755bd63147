"""Lexical retrieval by BM25 (bm25s) over tokens of our own."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray

from texts.tokens import tokens
from workers.retrieval.nearest import Catalogue, locked

logging.getLogger("bm25s").setLevel(logging.WARNING)

# Part of what an index that is kept depends on: raised with every change of `tokens`.
TOKENS_VERSION = 1


class BM25:
    """An index over texts. Queries are places in it."""

    def __init__(self, catalogue: Catalogue, *, folder: Path | None = None) -> None:
        """With a folder, the index of the same texts is taken from there, or kept there."""
        self._texts = catalogue.texts
        if folder is None:
            self._index = _built(catalogue.texts)
            return
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            self._index = self._loaded(catalogue, folder)

    def _loaded(self, catalogue: Catalogue, folder: Path) -> bm25s.BM25 | None:
        kept = folder / f"bm25-{_fingerprint(catalogue)}"
        if kept.is_dir():
            return bm25s.BM25.load(kept, mmap=True, show_progress=False)
        index = _built(catalogue.texts)
        if index is not None:
            part = folder / "bm25.part"
            shutil.rmtree(part, ignore_errors=True)
            index.save(part, show_progress=False)
            for other in folder.glob("bm25-*"):
                shutil.rmtree(other, ignore_errors=True)
            part.rename(kept)
        return index

    def top(self, positions: Sequence[int], k: int, mask: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The best k texts for each position as a query: positions and scores, both [positions, k], best first; a score of 0 is no match.

        What `mask` [texts] leaves out matches nothing.
        """
        k = min(k, len(self._texts))
        found = np.zeros((len(positions), k), dtype=np.int64)
        scores = np.zeros((len(positions), k), dtype=np.float32)
        queries = [tokens(self._texts[position]) for position in positions]
        worded = [i for i, words in enumerate(queries) if words]
        if self._index is not None and worded:
            found[worded], scores[worded] = self._index.retrieve(
                [queries[i] for i in worded],
                k=k,
                show_progress=False,
                n_threads=0,
                weight_mask=None if mask is None else mask.astype(np.float32),
            )
        return found, scores


def _built(texts: Sequence[str]) -> bm25s.BM25 | None:
    """None where no text has a word."""
    vocabulary: dict[str, int] = {}
    numbered = [[vocabulary.setdefault(token, len(vocabulary)) for token in tokens(text)] for text in texts]
    if not vocabulary:
        return None
    index = bm25s.BM25()
    index.index((numbered, vocabulary), show_progress=False)
    return index


def _fingerprint(catalogue: Catalogue) -> str:
    seen = hashlib.sha256(f"{TOKENS_VERSION} {bm25s.__version__}".encode())
    seen.update(catalogue.ids.tobytes())
    seen.update("".join(catalogue.hashes).encode())
    return seen.hexdigest()[:16]
